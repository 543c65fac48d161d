"""How the client is asked for what a plan wants."""
import subprocess


class Options:
    def __init__(self, client):
        self.client = client
        text = subprocess.run([client, "subscribe", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False).stdout
        self.resume = "--resume" in text
        self.many = "--all" in text
        self.crc = "--crc" in text
        self.reconnect = "--reconnect" in text
        self.acknowledges = "--no-ack" in text

    def subscribe(self, plan, tokens, address):
        """The command line of `melstream subscribe`."""
        command = [self.client, "subscribe"]
        streams = plan["streams"]
        if streams == "all":
            command.append("--all")
        elif isinstance(streams, str):
            command += ["--labels", streams]
        else:
            command += streams
        command += ["--front-end", plan["front_end"], "--smoothing", plan["smoothing"], "--element-type",
                    plan["element_type"], "--block", str(plan["block"]), "--max-delay", str(plan["max_delay_ms"]), "--policy",
                    plan["policy"], "--json", "--server", address]
        single = not isinstance(streams, str) and len(streams) == 1
        if single:
            command.append("--wait")
        for token in tokens:
            command += ["--resume", token["token"]]
        if not tokens or not single:
            command += ["--start", plan["start"]]
        if self.crc:
            command.append("--crc")
        if self.reconnect and plan.get("reconnect"):
            command.append("--reconnect")
        if self.acknowledges and plan.get("no_ack"):
            command.append("--no-ack")
        return command
