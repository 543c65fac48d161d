"""Headless Chromium for the live page, with a fake microphone that plays a file. Needs chromium, chromium-driver and
python3-selenium (scripts/install-deps --browser)."""
import os
import shutil
import subprocess
import tempfile

import harness

CHROMIUM = "/usr/lib/chromium/chromium"
DRIVER = "/usr/bin/chromedriver"
OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required"
).split()


def why_not():
    """What is missing; None if all is there."""
    for path in (CHROMIUM, DRIVER):
        if not os.access(path, os.X_OK):
            return "%s is not there; scripts/install-deps --browser" % path
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "python3-selenium is not there; scripts/install-deps --browser"
    return None


def microphone_file(folder, clip):
    """A golden clip as the fake microphone wants it: its rate, and silence around, since up to 20 ms can be lost at the
    beginning and the end repeats."""
    path = os.path.join(folder, clip + "-44k1.wav")
    subprocess.run(["sox", harness.audio(clip), path, "pad", "0.5", "1.5", "rate", "-v", "44100"], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)
    return path


class Browser:
    """@param microphone: a WAV file, or None for no device. @param permitted: nobody is asked, the answer is yes."""

    def __init__(self, microphone=None, permitted=True, size=(1280, 960), dark=False, performance=False):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        self.folder = tempfile.mkdtemp(prefix="melstream-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        arguments = OPTIONS + ["--user-data-dir=" + os.path.join(self.folder, "profile"), "--window-size=%d,%d" % size]
        if permitted:
            arguments.append("--use-fake-ui-for-media-stream")
        if microphone:
            arguments += ["--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture=%s%%noloop" % microphone]
        if dark:
            arguments.append("--blink-settings=preferredColorScheme=0")
        for argument in arguments:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL" if performance else "OFF"})
        if performance:
            options.add_experimental_option("perfLoggingPrefs", {
                "enableNetwork": False, "enablePage": False,
                "traceCategories": "-*,disabled-by-default-devtools.timeline.frame"})
        environment = dict(os.environ, TMPDIR=self.folder, HOME=self.folder)
        try:
            self.driver = webdriver.Chrome(options=options, service=Service(DRIVER, env=environment))
        except Exception:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise

    def open(self, url):
        self.driver.get(url)

    def run(self, script, *arguments):
        """The value of a function's body."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0])?.textContent ?? ''", selector)

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).click()", selector)

    def wait_for(self, script, what, *arguments):
        return harness.wait_until(lambda: self.run(script, *arguments), what)

    def faults(self):
        """What the page complained of, of its content security policy as well."""
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path):
        self.driver.save_screenshot(path)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)
