#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "app/greeting.h"
#include "app/words.h"

int main(int argc, char **argv) {
  std::cout << app::Greeting() << "\n";
  const std::string text = absl::StrJoin(std::vector<std::string>(argv + 1, argv + argc), " ");
  for (const auto &word : app::TopWords(text, 5)) std::cout << word.second << " " << word.first << "\n";
  return 0;
}
