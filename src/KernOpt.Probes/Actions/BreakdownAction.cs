using System.Collections.Immutable;
using Iced.Intel;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Live.Stubs;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;
using static Iced.Intel.AssemblerRegisters;

namespace KernOpt.Probes.Actions;

/// <summary>
/// How long threads are inside a function, and how much of that in each call and system call that it makes: what is left is its own. Points are the function's entry and exits, and before and
/// behind each of those calls (<see cref="CallSitePoints"/>). A thread has one mark for a function: the outermost call of it, known by where its return address lies, and in there the outermost
/// call that it has made; calls further in (recursion) change nothing. So the parts never overlap, and never add up to more than the whole.
/// <code>
///     shared:       calls without room ; marks replaced ; … ; slot:  function and thread ; frame ; time ; frame, time, site, target of the call that it is in ; …
///     entry:        calls begun
///     exit:         cycles ; calls ended ; exits of calls that were not seen to begin
///     behind call:  cycles ; calls ; (target ; cycles ; calls) …, for calls through pointers
///     at caller:    as exit, and (target ; cycles ; calls) … of what the function ended with a jump to
/// </code>
/// A call that is left otherwise (longjmp, an exception) leaves its mark behind, which the next call at that place or further out replaces, and counts. The predicate is asked at the entry.
/// </summary>
/// <param name="ThreadNumberOffset">See <see cref="ITarget.FindThreadNumberOffset"/>.</param>
/// <param name="Function">Where it begins. Points of another function are at calls of it, or of what ends with a jump to it.</param>
/// <param name="EntryIndex">The instruction of its first block that stands for its entry; before all calls.</param>
public sealed partial record BreakdownAction(int ThreadNumberOffset, Address Function, int EntryIndex) : ProbeAction
{
    /// <summary>A thread that makes a call in the function and was not seen to come in is taken to have come in then: for functions that never return.</summary>
    public bool Adopts { get; init; }

    /// <summary>It lasts until its caller has control again: what it ends with a jump to is a part of it.</summary>
    public bool EndsAtCaller { get; init; }

    /// <summary>It begins before the call: no point is at its entry.</summary>
    public bool BeginsAtCaller { get; init; }

    /// <summary>It is only known to be in there where it makes a call: how long it lasts is measured elsewhere. The predicate is asked at each call.</summary>
    public bool BeginsAtSites { get; init; }

    /// <summary>Points that stand for the one right behind a call, where that takes none: by the address, the call's.</summary>
    public ImmutableDictionary<Address, Address> Later { get; init; } = ImmutableDictionary<Address, Address>.Empty;

    private const int SlotBits = 9;
    private const int Probes = 8;
    private const int Slots = (1 << SlotBits) + Probes - 1;
    private const int SlotShift = 6, SlotBytes = 1 << SlotShift, SlotWords = SlotBytes / 8;
    private const int KeyIn = 0, FrameIn = 8, TimeIn = 16, CallFrameIn = 24, CallTimeIn = 32, SiteIn = 40, TargetIn = 48;
    private const int NoRoom = 0, Replaced = 1, Table = 8;
    private const int Sum = 0, Ended = 1, NoEntry = 2, Begun = 3, CallSum = 4, Calls = 5, Targets = 6;
    private const int MostTargets = 12, TargetWords = 3;

    internal override int Words => Targets + MostTargets * TargetWords;
    internal override int SharedWords => Table + SlotWords * Slots;
    internal override int MostBytes => 1024;

    /// <summary>rdtsc answers in both, cmpxchg compares with rax.</summary>
    internal override ImmutableArray<Register> Named => [Register.RAX, Register.RDX];
    internal override int Registers => 10;

    internal override Refusal? Check(FunctionGraph graph, Point point)
    {
        var isCall = CallSitePoints.IsSite(point.Instruction) || SiteBefore(graph, point) is not null;
        if (!IsOwn(graph)) return isCall ? null : Reasons.NotTimed.With($"{graph.Function} at {point}");
        if (!isCall && !IsEntry(graph, point) && !FunctionExit.IsAt(point)) return Reasons.NotTimed.With($"{graph.Function} at {point}");
        return ReturnAddressPlace.Above(graph, point.Block.Index, point.Index) is null ? Reasons.CallerNotKnown.With($"{graph.Function} at {point}") : null;
    }

    internal override bool IsConditional(FunctionGraph graph, Point point) => IsEntry(graph, point) || (BeginsAtSites && IsOwn(graph) && CallSitePoints.IsSite(point.Instruction));

    /// <summary>The call that control comes back from here; null where there is none.</summary>
    private Instruction? SiteBefore(FunctionGraph graph, Point point)
    {
        if (CallSitePoints.IsBehindSite(graph, point, out var site)) return site;
        if (!Later.TryGetValue(point.At, out var call)) return null;
        return graph.Blocks.SelectMany(b => b.Instructions).First(i => i.IP == call.Value);
    }

    private bool IsOwn(FunctionGraph graph) => graph.Function.Start == Function;

    private bool IsEntry(FunctionGraph graph, Point point) =>
        IsOwn(graph) && !BeginsAtCaller && !BeginsAtSites && point.Block == graph.Entry && point.Block.Predecessors.IsEmpty && point.Index == EntryIndex;

    internal override bool HasOtherwise => true;

    /// <summary>Which function's code it is, in the upper half of the key: modules are smaller than 4 GiB, and points of one module share their words.</summary>
    private uint Identity => (uint)Function.Value;

    private static uint IdentityOf(in Instruction site) => (uint)site.IP;

    /// <summary>What the points recorded until now. Now: the time stamp. Points: all that were put in together, by how to read their words.</summary>
    public BreakdownTimes Read(IEnumerable<(FunctionGraph Graph, Point Point, Func<int, ulong> Word)> points, Func<int, ulong> shared, ulong now)
    {
        ulong cycles = 0, begun = 0, ended = 0, noEntry = 0;
        var parts = new Dictionary<(Address Site, Address? Target), (ulong Cycles, ulong Calls)>();
        foreach (var (graph, point, word) in points)
        {
            cycles += word(Sum);
            ended += word(Ended);
            noEntry += word(NoEntry);
            begun += word(Begun);
            if (SiteBefore(graph, point) is not { } instruction) continue;
            var site = IsOwn(graph) ? new Address(instruction.IP) : Address.Zero;
            Add(site, null, word(CallSum), word(Calls));
            for (var i = 0; i < MostTargets && word(Targets + i * TargetWords) is > 0 and var target; i++)
                Add(site, new Address(target), word(Targets + i * TargetWords + 1), word(Targets + i * TargetWords + 2));
        }
        var sites = parts.Keys.Select(k => k.Site).Distinct().ToDictionary(s => (uint)s.Value);
        for (var slot = 0; slot < Slots; slot++)
        {
            var at = Table + slot * SlotWords;
            var key = shared(at);
            if (key >> 32 != Identity) continue;
            var (time, callFrame, callTime, callSite, target) = (shared(at + TimeIn / 8), shared(at + CallFrameIn / 8), shared(at + CallTimeIn / 8), shared(at + SiteIn / 8), shared(at + TargetIn / 8));
            if (shared(at) != key || time == 0 || time > now) continue;
            cycles += now - time;
            if (callFrame == 0 || callTime == 0 || callTime > now || callTime < time) continue;
            Add(sites.GetValueOrDefault((uint)callSite), target == 0 ? null : new Address(target), now - callTime, 0);
        }
        return new BreakdownTimes(cycles, begun, ended, noEntry, parts);

        void Add(Address site, Address? target, ulong more, ulong calls)
        {
            var known = parts.GetValueOrDefault((site, target));
            parts[(site, target)] = (known.Cycles + more, known.Calls + calls);
        }
    }

    /// <summary>Calls that found no room, and marks that calls left behind.</summary>
    public static (ulong NoRoom, ulong Replaced) Missed(Func<int, ulong> shared) => (shared(NoRoom), shared(Replaced));

    public override string ToString() => "breakdown";
}

/// <summary>
/// Cycles that threads were inside a function until now, calls that last still included, and in each call that it makes: by its place, and its target where that is a pointer's. Place 0: what it
/// ended with a jump to. NoEntry: exits of calls that were not seen to begin, or that the predicate left out.
/// </summary>
public sealed record BreakdownTimes(ulong Cycles, ulong Begun, ulong Ended, ulong NoEntry, IReadOnlyDictionary<(Address Site, Address? Target), (ulong Cycles, ulong Calls)> Parts);
