#ifndef APP_WORDS_H_
#define APP_WORDS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace app {

// The `limit` most frequent words of `text`, the most frequent first, equals in alphabetical order.
std::vector<std::pair<std::string, int>> TopWords(absl::string_view text, size_t limit);

}  // namespace app

#endif  // APP_WORDS_H_
