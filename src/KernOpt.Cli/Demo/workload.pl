# Checks a hex dump, as many are written: reads its words, keeps their checksum and counts the odd ones; for ever.
use strict; use warnings; no warnings 'portable'; # 64-bit numbers are meant
my @dump = map { sprintf "%016x", ($_ * 0x9E3779B97F4A7C15) & 0x7fffffffffffffff } 1 .. 5000;
open my $out, ">", $ARGV[1] or die; { my $old = select $out; $| = 1; select $old }
my ($until, $rounds) = (time + ($ARGV[0] // 300), 0);
while (time < $until) {
    my ($checksum, $odd) = (0, 0);
    for my $word (@dump) {
        my $value = hex $word;
        $checksum ^= $value;
        $odd += $value & 1;
    }
    if (++$rounds % 10 == 0) { seek $out, 0, 0; print $out $rounds }
}
