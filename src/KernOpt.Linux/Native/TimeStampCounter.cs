namespace KernOpt.Linux.Native;

/// <summary>
/// The processor's time stamp counter (SDM vol. 3, 18.17), which .NET has no call for: a function of a few bytes in memory of our own.
/// <code>
///     rdtsc ; shl rdx, 32 ; or rax, rdx ; ret
/// </code>
/// </summary>
public static class TimeStampCounter
{
    private const int Page = 4096;

    private static readonly unsafe delegate* unmanaged<ulong> Code = Make();

    /// <summary>What rdtsc answers now.</summary>
    public static unsafe ulong Read() => Code();

    private static unsafe delegate* unmanaged<ulong> Make()
    {
        ReadOnlySpan<byte> code = [0x0F, 0x31, 0x48, 0xC1, 0xE2, 0x20, 0x48, 0x09, 0xD0, 0xC3];
        var at = SystemCall.Map(0, Page, MapFlags.ProtectionRead | MapFlags.ProtectionWrite, MapFlags.Private | MapFlags.Anonymous, -1, 0);
        if (at < 0) throw new InvalidOperationException($"no page of executable memory: error {-at}");
        // The page is ours and longer than the code.
        code.CopyTo(new Span<byte>((void*)at, Page));
        // Never writable and executable at once. Where this is forbidden, .NET itself does not run.
        var changed = SystemCall.Invoke(CallNumber.mprotect, at, Page, MapFlags.ProtectionRead | MapFlags.ProtectionExecute);
        if (changed < 0) throw new InvalidOperationException($"no page of executable memory: error {-changed}");
        return (delegate* unmanaged<ulong>)at;
    }
}
