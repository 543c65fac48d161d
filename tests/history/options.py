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
        commands = subprocess.run([client, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.lists_subscribers = "subscribers" in commands.stdout

    def subscribe(self, plan, tokens, address, token_file):
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
        command += ["--start", plan["start"]]
        if self.resume and (plan["resume"] == "file" or (tokens and not single)):
            command += ["--resume-file", token_file]
        elif tokens:
            command += ["--resume", tokens[0]["token"]]
        if self.crc:
            command.append("--crc")
            if not plan.get("values"):
                command.append("--no-values")
        if plan.get("frames") is not None:
            command += ["--frames", str(plan["frames"])]
        if self.reconnect and plan.get("reconnect"):
            command.append("--reconnect")
        if self.acknowledges and plan.get("no_ack"):
            command.append("--no-ack")
        return command
