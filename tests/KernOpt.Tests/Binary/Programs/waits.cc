// Catches exceptions, says so, and waits for the end of its input.
#include <iostream>
#include <stdexcept>
#include <string>

__attribute__((noinline)) void fail(const std::string &line)
{
    if (line.size() < 100) throw std::runtime_error(line);
}

int main()
{
    std::string line = "short";
    do {
        try {
            fail(line);
        } catch (const std::exception &e) {
            std::cout << e.what() << std::endl;
        }
    } while (std::getline(std::cin, line));
    return 0;
}
