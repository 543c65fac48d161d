// A plugin whose library is missing.
extern "C" int melstream_test_absent();
extern "C" const void* melstream_engine_plugin() { return melstream_test_absent() == 7 ? nullptr : "never loaded"; }
