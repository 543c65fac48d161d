"""A call by sipp: a process of sipp that calls, and the few lines of SIP that answer it and say where its audio shall go."""
import os
import re
import socket
import subprocess
import threading

import harness
import network

CALLER = """<?xml version="1.0" encoding="UTF-8"?><scenario name="call"><send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: caller <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: sip:caller@[local_ip]:[local_port]
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=caller 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send><recv response="200"/><send><![CDATA[
ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: caller <sip:caller@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Content-Length: 0

]]></send><nop><action><exec rtp_stream="AUDIO,1,0,PCMU/8000"/></action></nop><pause milliseconds="4000"/></scenario>
"""


def header(message, name):
    return re.search(r"(?m)^%s:.*$" % name, message).group(0).strip()


def answer(server, media_port):
    """200 OK to the first INVITE."""
    message, caller = server.recvfrom(65536)
    message = message.decode()
    sdp = ("v=0\r\no=d 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
           "m=audio %d RTP/AVP 0\r\n" % media_port)
    lines = ["SIP/2.0 200 OK", header(message, "Via"), header(message, "From"), header(message, "To") + ";tag=9",
             header(message, "Call-ID"), header(message, "CSeq"), "Contact: <sip:d@127.0.0.1>",
             "Content-Type: application/sdp", "Content-Length: %d" % len(sdp), "", sdp]
    server.sendto("\r\n".join(lines).encode(), caller)


def call_with_sipp(test, audio, media_port):
    """Starts the call, which ends by itself; sends the file's mu-law bytes as RTP to the port."""
    scenario = os.path.join(test.daemon.folder, "call.xml")
    with open(scenario, "w", encoding="utf-8") as file:
        file.write(CALLER.replace("AUDIO", audio))
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    test.addCleanup(server.close)
    server.bind(("127.0.0.1", 0))
    server.settimeout(harness.DEADLINE_S)
    thread = threading.Thread(target=answer, args=(server, media_port))
    thread.start()
    sipp = subprocess.Popen(
        ["sipp", "-sf", scenario, "-m", "1", "-i", "127.0.0.1", "-p", str(network.free_udp_port()), "-mi", "127.0.0.1", "-mp",
         str(network.free_udp_port()), "-nostdin", "127.0.0.1:%d" % server.getsockname()[1]],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=test.daemon.folder)

    def end():
        if sipp.poll() is None:
            sipp.kill()
        sipp.wait()

    test.addCleanup(end)
    thread.join()
