// The second function of the name "twin".
__attribute__((noinline, used)) static int twin(int x) { return x * 5 + 2; }

int twin_of_another_file(int x) { return twin(x); }
