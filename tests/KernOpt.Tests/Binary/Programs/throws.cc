// Throws through a frame with a destructor and catches.
#include <cstdio>
#include <stdexcept>
#include <string>

__attribute__((noinline)) int depth(int n)
{
    std::string held(static_cast<size_t>(n) + 20, 'x');
    if (n == 0) throw std::runtime_error(held);
    return depth(n - 1) + static_cast<int>(held.size());
}

__attribute__((noinline)) int caught(int n)
{
    try {
        return depth(n);
    } catch (const std::exception &e) {
        return -1;
    }
}

int main(int argc, char **)
{
    std::printf("%d\n", caught(argc));
    return 0;
}
