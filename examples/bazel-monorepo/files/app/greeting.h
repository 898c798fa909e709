#ifndef APP_GREETING_H_
#define APP_GREETING_H_

#include <string>

namespace app {

// One line that greets and names the C++ library whose headers this was compiled with.
std::string Greeting();

}  // namespace app

#endif  // APP_GREETING_H_
