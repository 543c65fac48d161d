"""The same with asyncio."""
import asyncio
import unittest
from unittest import mock

import numpy as np

import melstream
from case import CONFIG, DaemonTest, audio, free_port, samples
from melstream import aio, testing
from tcp_proxy import TcpProxy


async def rest_of(subscription):
    return [event async for event in subscription]


class Asyncio(DaemonTest):
    @classmethod
    def setUpClass(cls):
        port = free_port()
        cls.daemon = testing.Daemon(CONFIG, ["127.0.0.1:%d" % port])
        cls.addClassCleanup(cls.daemon.close)
        cls.proxy = TcpProxy(("127.0.0.1", port))
        cls.addClassCleanup(cls.proxy.close)

    def run_with_client(self, function):
        async def main():
            async with await aio.connect(self.daemon.server) as client:
                await asyncio.wait_for(function(client), 60)

        asyncio.run(main())

    def test_subscribe_and_push(self):
        async def follow(client):
            push = asyncio.ensure_future(client.push("aio", audio("jfk"), labels={"a": "b"}))
            subscription = client.subscribe("aio", front_end="whisper-80", start="first", wait=True)
            blocks = [block async for block in subscription]
            self.assert_golden("whisper80_raw", "jfk", self.assert_tiled(blocks))
            self.assertEqual((await push).accepted_samples, 176000)
            self.assertEqual(subscription.end.reason, "COMPLETED")

        self.run_with_client(follow)

    def test_a_cut_connection_loses_and_doubles_nothing(self):
        async def follow(client):
            opened = asyncio.Event()

            async def source():
                yield samples("jfk")[:80000]
                await opened.wait()
                yield samples("jfk")[80000:]

            push = asyncio.ensure_future(client.push("aio-cut", source()))
            async with await aio.connect("127.0.0.1:%d" % self.proxy.port) as remote:
                subscription = remote.subscribe("aio-cut", front_end="whisper-80", start="first", wait=True)
                events = []
                async for event in subscription:
                    events.append(event)
                    if event.next_frame == 200:
                        self.proxy.cut()
                        opened.set()
            await push
            self.assert_golden("whisper80_raw", "jfk", self.assert_tiled(events))
            self.assertEqual(subscription.n_reconnects, 1)

        self.run_with_client(follow)

    def test_a_connection_that_leads_nowhere_is_given_up(self):
        async def follow(client):
            opened = asyncio.Event()

            async def source():
                yield samples("espeak")[:20000]
                await opened.wait()
                yield samples("espeak")[20000:]

            push = asyncio.ensure_future(client.push("aio-stalled", source()))
            async with await aio.connect("127.0.0.1:%d" % self.proxy.port) as remote:
                subscription = remote.subscribe("aio-stalled", front_end="whisper-80", start="first", wait=True)
                events = [await subscription.__anext__()]
                self.proxy.stall(True)
                self.addCleanup(self.proxy.stall, False)
                with self.assertLogs("melstream", "WARNING") as logged:
                    reader = asyncio.ensure_future(rest_of(subscription))
                    while "has said nothing for 1.3 s" not in str(logged.output):
                        await asyncio.sleep(0.01)
                    self.proxy.stall(False)
                    opened.set()
                    events += await reader
            await push
            self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(events))

        # Heartbeats come each second.
        with mock.patch("melstream.aio.LONGEST_SILENCE_S", 1.3):
            self.run_with_client(follow)

    def test_gaps_raise_and_the_iteration_can_go_on(self):
        async def follow(client):
            opened = asyncio.Event()

            async def source():
                yield samples("jfk")[:80000]
                await opened.wait()

            push = asyncio.ensure_future(client.push("aio-gap", source()))
            while not any(one.timeline_samples == 80000 for one in await client.streams(["aio-gap"])):
                await asyncio.sleep(0.005)
            subscription = client.subscribe("aio-gap", front_end="kaldi-80-int16", frame=0, gaps="raise", block_frames=100)
            events = []
            while True:
                try:
                    events.append(await subscription.__anext__())
                except melstream.GapError as error:
                    events.append(error.gap)
                except StopAsyncIteration:
                    break
                opened.set()
            await push
            self.assertEqual(self.assert_tiled(events).shape[1], 80)

        self.run_with_client(follow)

    def test_close_ends_the_iteration(self):
        async def follow(client):
            subscription = client.subscribe("aio-never", front_end="whisper-80", wait=True)

            reader = asyncio.ensure_future(rest_of(subscription))
            while (await client.info()).subscription_count == 0:
                await asyncio.sleep(0.005)
            await subscription.close()
            self.assertEqual(await reader, [])

        self.run_with_client(follow)

    def test_a_step_that_is_cancelled_loses_nothing(self):
        async def follow(client):
            opened = asyncio.Event()

            async def source():
                yield samples("espeak")[:20000]
                await opened.wait()
                yield samples("espeak")[20000:]

            push = asyncio.ensure_future(client.push("aio-timeout", source()))
            subscription = client.subscribe("aio-timeout", front_end="whisper-80", start="first", wait=True)
            events = []
            with self.assertRaises(asyncio.TimeoutError):
                while True:
                    events.append(await asyncio.wait_for(subscription.__anext__(), 0.3))
            opened.set()
            events += await rest_of(subscription)
            await push
            self.assertEqual(subscription.n_reconnects, 0)
            self.assert_golden("whisper80_raw", "espeak", self.assert_tiled(events))

        self.run_with_client(follow)

    def test_windows_and_listings(self):
        async def ask(client):
            result = await client.push("aio-window", audio("jfk"), channel="mix")
            self.assertEqual(result.timeline_samples, 176000)
            (stream,) = await client.streams("aio-window")
            self.assertEqual(result.epochs, {"aio-window": stream.epoch})
            with self.assertRaises(melstream.WindowUnavailable):
                while True:  # an ended stream's audio is soon freed
                    await client.window("aio-window", model="whisper")
            self.assertIn("nemo-80", [one.name for one in await client.front_ends()])

        self.run_with_client(ask)

    def test_errors(self):
        async def fail(client):
            with self.assertRaisesRegex(melstream.UnknownFrontEnd, "did you mean 'whisper-80'"):
                async for _ in client.subscribe("x", front_end="whisper-8"):
                    pass
            with self.assertRaisesRegex(melstream.StreamNotFound, "no stream 'x'"):
                async for _ in client.subscribe("x", front_end="whisper-80"):
                    pass
            with self.assertRaises(melstream.InvalidArgument):
                await client.push("x", [b"1"])
            with self.assertRaises(melstream.InvalidArgument):
                await client.push("x", [])

            async def source():
                yield np.zeros(1600, np.float32)
                raise KeyError("the source's own")

            with self.assertRaisesRegex(KeyError, "the source's own"):
                await client.push("aio-source", source())

        self.run_with_client(fail)
        with self.assertRaisesRegex(melstream.DaemonUnavailable, "melstreamd"):
            asyncio.run(aio.connect("unix:/nonexistent/melstream.sock"))


if __name__ == "__main__":
    unittest.main()
