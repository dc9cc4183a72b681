using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace KernOpt.Kernel.Driver;

/// <summary>struct kernopt_info of the driver's kernopt_uapi.h, which describes all that is used of it here.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct DriverInfo
{
    public uint Version, Cpus;
    public ulong Text, TextEnd, Boot, Regions, Changes;
}

/// <summary>struct kernopt_read.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ReadRequest
{
    public ulong From, Into;
    public uint Length, Done;
}

/// <summary>struct kernopt_poke.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PokeRequest
{
    public ulong At;
    public uint Length;
    public DriverRefusal Why;
    public SixteenBytes Expected, Replacement;
}

/// <summary>struct kernopt_region.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RegionRecord
{
    public ulong At, DataBytes, CodeBytes, Offset;
    public uint Index, Reserved;
}

/// <summary>struct kernopt_change.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ChangeRecord
{
    public uint Index, Length;
    public ulong At;
    public SixteenBytes Original, Now;
}

/// <summary>struct kernopt_quiet.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct QuietRequest
{
    public ulong Ranges;
    public uint Count, Quiet, Threads;
    public int Thread;
    public ulong Word;
}

[InlineArray(16)]
internal struct SixteenBytes
{
    private byte first;
}

/// <summary>enum kernopt_why: why text cannot be changed.</summary>
internal enum DriverRefusal : uint
{
    None,
    NotText,
    Changed,
    Shape,
    Target,
    Blacklisted,
    Ftrace,
    StaticKey,
    StaticCall,
    Alternative,
    Kprobe,
    ExceptionTable,
    BugTable,
}

/// <summary>The numbers of ioctl(2) requests, made as asm-generic/ioctl.h says: direction, size, 'K', number.</summary>
internal static class DriverCalls
{
    private const uint Write = 1, Read = 2;

    public static readonly uint Info = Of<DriverInfo>(Read, 0), ReadMemory = Of<ReadRequest>(Read | Write, 1), Poke = Of<PokeRequest>(Read | Write, 4),
        Map = Of<RegionRecord>(Read | Write, 6), Region = Of<RegionRecord>(Read | Write, 7), Unmap = Of<ulong>(Write, 8), Change = Of<ChangeRecord>(Read | Write, 9), Quiet = Of<QuietRequest>(Read | Write, 10);

    public const uint Claim = ((uint)'K' << 8) | 2;

    private static uint Of<T>(uint direction, uint number) => (direction << 30) | ((uint)Unsafe.SizeOf<T>() << 16) | ((uint)'K' << 8) | number;
}
