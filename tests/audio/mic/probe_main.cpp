// What the daemon is to a probe, for tests.
#include "melstream/audio/mic/microphones.hpp"

int main() { melstream::audio::run_portaudio_probe(); }
