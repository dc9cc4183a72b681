using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Validate;

/// <summary>Bytes that lie, or will lie, at an address of the target: stubs, tables, trampolines of a region. Code may be executed.</summary>
public readonly record struct PlacedBytes(Address At, ImmutableArray<byte> Bytes, bool IsCode)
{
    public AddressRange Range => new(At, (ulong)Bytes.Length);
}

/// <summary>The six integer arguments of the System V ABI (psABI 3.2.3) as one call had them.</summary>
public readonly record struct ArgumentTuple(ulong Rdi, ulong Rsi, ulong Rdx, ulong Rcx, ulong R8, ulong R9);

/// <summary>What a version assumes of an argument at entry: the low Bits (8, 16, 32 or 64) of this 64-bit register hold the low bits of Value.</summary>
public readonly record struct RegisterBinding(Register Register, ulong Value, int Bits);

/// <summary>
/// The function as it is live. Code: the bytes of its instructions. Site: the instruction that live patching replaces by a jump to the version.
/// Data: constants that lie in text (jump tables), which stay readable; all other bytes of its pages read as int3.
/// </summary>
public sealed record OriginalCode(Address Entry, ImmutableArray<AddressRange> Code, Address Site)
{
    public ImmutableArray<AddressRange> Data { get; init; } = [];

    /// <summary>What lies behind calls that do not return, when it is code of the function: a run ends at such a call.</summary>
    public ImmutableArray<Address> NeverReturnedTo { get; init; } = [];

    /// <summary>Registers that are compared at a return besides those of the psABI: what the original restores, and what its callers read.</summary>
    public LiveSet AlsoAtReturn { get; init; }

    public static OriginalCode Of(FunctionGraph graph, Address site) => new(graph.Entry.Start,
        [.. graph.Blocks.Where(b => !b.Instructions.IsEmpty).Select(b => AddressRange.Between(b.Start, b.Close))], site)
    {
        AlsoAtReturn = KeptRegisters.Of(graph),
        Data = [.. graph.Blocks.Where(b => b.Table is not null).Select(b => RangeOf(b.Table!))],
        NeverReturnedTo = [.. graph.Blocks.Where(b => b.End == BlockEnd.NoReturn && !b.Instructions.IsEmpty).Select(b => b.Close)],
    };

    private static AddressRange RangeOf(JumpTable table)
        => new(table.Table, (ulong)table.Targets.Length * (table.Kind == JumpTableKind.Absolute ? 8u : 4u));
}

/// <summary>
/// The version at the address where it will run. Entry is where the site's jump leads; with IsDirect it is the function's own entry for
/// callers that are bound to it without a guard, and every run then satisfies the bindings.
/// </summary>
public sealed record VersionCode(EncodedCode Code, Address Entry, bool IsDirect = false);

/// <summary>How much is tried. MinimumReturned: runs that returned in both before a version may be called valid; with bindings, half of them bound.</summary>
public sealed record ValidationLimits
{
    public int Runs { get; init; } = 4_000;
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(3);
    public int MinimumReturned { get; init; } = 64;
    /// <summary>Calls out and system calls of one run, after which it ends.</summary>
    public int Events { get; init; } = 32;
    /// <summary>Processor time of one run in milliseconds, in whole ticks: a run ends between one and two times this.</summary>
    public int RunMilliseconds { get; init; } = 20;
}

/// <summary>
/// One version to be compared with its original. Nothing of the target is changed: memory is copied on demand through <see cref="Read"/>.
/// </summary>
public sealed record ValidationRequest(OriginalCode Original, VersionCode Version)
{
    /// <summary>Memory of the target, with the text of the function as it was before any change of ours.</summary>
    public required MemoryReader Read { get; init; }
    public required TargetMap Map { get; init; }

    /// <summary>What the version may reach besides itself: the original stub that the guard falls back to, tables. Overrides the target's memory.</summary>
    public ImmutableArray<PlacedBytes> Extra { get; init; } = [];

    /// <summary>Memory that is ours (counters, switches) and therefore not compared.</summary>
    public ImmutableArray<AddressRange> NotCompared { get; init; } = [];

    /// <summary>Arguments seen live; the more, the better the runs.</summary>
    public ImmutableArray<ArgumentTuple> Seeds { get; init; } = [];

    public ImmutableArray<RegisterBinding> Bindings { get; init; } = [];

    /// <summary>The thread pointer of a live thread, so that thread-local reads find memory; without one they find noise.</summary>
    public Address ThreadPointer { get; init; }

    public ValidationLimits Limits { get; init; } = new();

    /// <summary>Decides every random choice: the same request and memory give the same runs.</summary>
    public ulong RandomSeed { get; init; } = 1;
}
