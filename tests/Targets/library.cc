// Works with the C++ library on numbers that a line of input seeds, and prints what came out: containers, algorithms, strings, streams, regular expressions, locales, exceptions, threads of none.
//   each line of input: a number (1: little work); answers some lines, the last of them "end"
#include <algorithm>
#include <charconv>
#include <deque>
#include <functional>
#include <iomanip>
#include <iostream>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

static std::string word(std::mt19937 &random)
{
    std::string text;
    for (unsigned i = 0, n = 1 + random() % 12; i < n; i++) text += char('a' + random() % 26);
    return text;
}

static int thrower(unsigned depth)
{
    std::string local(depth, 'x');
    if (depth == 0) throw std::out_of_range("too deep");
    return thrower(depth - 1) + int(local.size());
}

static void work(unsigned seed)
{
    std::mt19937 random(seed);
    std::map<std::string, int> words;
    std::unordered_map<std::string, unsigned> lengths;
    std::set<double> numbers;
    std::deque<unsigned> queue;
    std::list<std::string> list;
    for (int i = 0, size = seed == 1 ? 30 : 300; i < size; i++) {
        auto text = word(random);
        words[text]++;
        lengths[text] += text.size();
        numbers.insert(random() / 1000.0);
        if (i % 3) queue.push_front(random() % 1000); else queue.push_back(random() % 1000);
        list.push_back(text);
        if (i % 7 == 0) list.pop_front();
    }
    list.sort(std::greater<std::string>());
    std::stable_sort(queue.begin(), queue.end());
    std::ostringstream out;
    out << std::hex << std::accumulate(queue.begin(), queue.end(), 0u) << ' ' << std::dec << std::setprecision(9) << std::accumulate(numbers.begin(), numbers.end(), 0.0) << ' '
        << std::fixed << std::setw(20) << std::setfill('.') << *numbers.rbegin() << ' ' << words.begin()->first << ' ' << list.front() << ' ' << std::boolalpha << words.count("a");
    unsigned sum = 0;
    for (auto &[text, length] : words) sum = sum * 31 + length + lengths[text];
    out << ' ' << sum;
    std::cout << out.str() << '\n';
    std::istringstream in(out.str());
    std::string part;
    unsigned parts = 0;
    while (in >> part) parts += part.size();
    std::regex pattern("([a-m]+)([n-z]+)");
    std::string all;
    for (auto &text : list) all += text + ' ';
    auto matches = std::distance(std::sregex_iterator(all.begin(), all.end(), pattern), std::sregex_iterator());
    std::cout << parts << ' ' << matches << ' ' << std::regex_replace(all.substr(0, 60), pattern, "$2-$1") << '\n';
    unsigned caught = 0;
    for (unsigned i = 0; i < (seed == 1 ? 4 : 20); i++) {
        try {
            thrower(i);
        } catch (const std::logic_error &e) {
            caught += std::string(e.what()).size();
        }
        try {
            caught += std::stoi(i % 2 ? "x" : "12");
        } catch (const std::invalid_argument &) {
            caught++;
        }
        try {
            std::vector<int>().at(i);
        } catch (const std::exception &e) {
            caught += unsigned(e.what()[0]);
        }
    }
    auto shared = std::make_shared<std::vector<std::string>>(list.begin(), list.end());
    std::shuffle(shared->begin(), shared->end(), random);
    std::nth_element(shared->begin(), shared->begin() + 10, shared->end());
    char digits[40];
    auto end = std::to_chars(digits, digits + sizeof digits, 1.0 / (1 + random() % 1000)).ptr;
    std::cout << caught << ' ' << (*shared)[10] << ' ' << std::string(digits, end) << ' ' << std::use_facet<std::ctype<char>>(std::locale()).toupper('q') << "\nend" << std::endl;
}

int main()
{
    for (std::string line; std::getline(std::cin, line);) work(unsigned(std::stoul(line)));
}
