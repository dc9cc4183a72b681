// What family opens and closes.
unsigned long plugged(const unsigned char *bytes, long count)
{
    unsigned long sum = 0;
    for (long i = 0; i < count; i++) sum = sum * 31 + bytes[i];
    return sum;
}
