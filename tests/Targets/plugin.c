// What family opens and closes.
volatile long plugged_last;

unsigned long plugged(const unsigned char *bytes, long count)
{
    unsigned long sum = 0;
    plugged_last = count;
    for (long i = 0; i < count; i++) sum = sum * 31 + bytes[i];
    return sum;
}
