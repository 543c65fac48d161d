// A library that a plugin needs and that is not found when the plugin is loaded; and a library that is no plugin.
extern "C" int melstream_test_absent() { return 7; }
