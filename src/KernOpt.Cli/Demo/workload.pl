# An access-log analyser, as many are written: it reads lines, counts by key, and writes a report; for ever.
use strict; use warnings;
my @paths = map { "/shop/item/$_/view.html" } 1 .. 200;
my @lines = map {
    sprintf '10.0.%d.%d - - [23/Nov/2026:05:%02d:%02d +0000] "GET %s HTTP/1.1" %d %d', $_ % 250, ($_ * 7) % 250, $_ % 60, ($_ * 3) % 60,
        $paths[$_ % 200], ($_ % 17 ? 200 : 404), ($_ * 7919) % 50000
} 1 .. 2000;
open my $out, ">", $ARGV[1] or die; { my $old = select $out; $| = 1; select $old }
my ($until, $rounds) = (time + ($ARGV[0] // 300), 0);
while (time < $until) {
    my (%hits, %bytes, %status);
    for my $line (@lines) {
        my ($ip, $path, $code, $size) = (split ' ', $line)[0, 6, 8, 9];
        $hits{$path}++; $bytes{$ip} += $size; $status{$code}++; $hits{$ip}++; $bytes{$path} += $size;
    }
    my $report = join "\n", map { "$_ $hits{$_}" } sort { $hits{$b} <=> $hits{$a} || $a cmp $b } keys %status, keys %bytes;
    if (++$rounds % 10 == 0) { seek $out, 0, 0; print $out $rounds }
}
