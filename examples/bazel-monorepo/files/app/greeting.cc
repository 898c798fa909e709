#include "app/greeting.h"

#include <string>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace app {

std::string Greeting() {
  const absl::Time epoch = absl::FromUnixSeconds(0);
  // __GLIBCXX__ comes from a header outside the workspace: Bazel does not know that this line depends on it.
  return absl::StrFormat("hello since %s, libstdc++ %d", absl::FormatTime("%Y-%m-%d", epoch, absl::UTCTimeZone()),
                         __GLIBCXX__);
}

}  // namespace app
