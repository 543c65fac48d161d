// The mark of real-time code: no allocation, lock, log, system call, exception or unbounded loop inside.
#pragma once

/// Written after noexcept in a declaration. Documentation for the reader; tests prove it with a RealtimeScope.
#define MELSTREAM_NONBLOCKING
