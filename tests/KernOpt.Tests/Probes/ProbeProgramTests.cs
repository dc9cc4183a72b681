using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Points;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>Code of programs in an emulated machine: does it record what the expressions mean, and leave all else as it was?</summary>
public sealed class ProbeProgramTests
{
    private const RflagsBits Status = RflagsBits.OF | RflagsBits.SF | RflagsBits.ZF | RflagsBits.AF | RflagsBits.CF | RflagsBits.PF;

    /// <summary>Long runs: KERNOPT_PROGRAMS=10000000.</summary>
    private static readonly int Programs = int.TryParse(Environment.GetEnvironmentVariable("KERNOPT_PROGRAMS"), out var wanted) ? wanted : 3000;

    [Fact]
    public void RandomPrograms_RecordWhatTheyMean_AndLeaveTheRest()
    {
        var recorded = 0;
        var seed = Random.Shared.Next();
        Run(seed, isHostile: false, (point, program, when, random) =>
        {
            var live = LiveAt(random);
            var code = point.Emit(program, live);
            point.Clear(program);
            var sampling = new Dictionary<Every, (int, uint)>(ReferenceEqualityComparer.Instance);
            var limited = new HashSet<RateLimit>(ReferenceEqualityComparer.Instance);
            int counted = 0, unreadable = 0;
            for (var passage = 0; passage < 5; passage++)
            {
                var state = point.Arrive(random);
                var meaning = point.MeaningOf(state);
                meaning.Limited = limited;
                foreach (var (every, known) in sampling) meaning.Sampling[every] = known;
                bool? holds = Readable(() => when is null || meaning.Holds(when));
                foreach (var (every, known) in meaning.Sampling) sampling[every] = known;
                var harm = point.Pass(code, state, live);
                Assert.True(harm is null, $"seed {seed}: {program.Action} when {when}: {harm}");
                if (holds is null) unreadable++;
                if (holds is true)
                {
                    var missing = program.Action.Values.Count(v => Readable(() => meaning.Of(v)) is null);
                    if (program.Action is TraceAction || missing == 0)
                    {
                        counted++;
                        AssertRecorded(point, program, meaning, counted, $"seed {seed}: {program.Action} when {when}");
                    }
                    unreadable += program.Action is TraceAction ? 0 : Math.Min(1, missing);
                }
                if (program.UnreadableWord is { } word) Assert.True((ulong)unreadable == point.Word(word), $"seed {seed}: {program.Action} when {when}: {point.Word(word)} unreadable, not {unreadable}");
            }
            recorded += counted;
            Assert.Equal(counted, Recorded(point, program));
        });
        Assert.True(recorded > Programs, $"{recorded} passages recorded");
    }

    /// <summary>Whatever is written: it is refused, or it stores and reads nothing but what it may.</summary>
    [Fact]
    public void HostilePrograms_AreRefused_OrDoNoHarm()
    {
        int refused = 0, run = 0;
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        using var machines = new Machines();
        for (var i = 0; i < Programs; i++)
        {
            var makesSystemCalls = random.Next(3) == 0;
            var source = new RandomPrograms(random, EmulatedPoint.Caller, isHostile: true, makesSystemCalls);
            var (when, action) = (source.When(), source.AnyAction());
            var point = machines.Next();
            var index = new[] { EmulatedPoint.Entry, EmulatedPoint.Index, EmulatedPoint.Exit }[random.Next(3)];
            if (!ProbeProgram.Of(when, action, makesSystemCalls).Try(out var program, out _) || program.Check(point.Graph, new Point(point.Graph.Entry, index)) is not null)
            {
                refused++;
                continue;
            }
            run++;
            var live = LiveAt(random);
            var code = point.Emit(program, live, index);
            point.Clear(program);
            var state = point.Arrive(random);
            var harm = point.Pass(code, state, live);
            Assert.True(harm is null, $"seed {seed}, program {i}: {action} when {when}: {harm}");
        }
        Assert.True(refused > Programs / 20 && run > Programs / 20, $"{refused} refused, {run} run");
    }

    /// <summary>Calls that are timed, or counted while they last, under any predicate, whatever is live.</summary>
    [Fact]
    public void RandomCalls_AreTimedWhereThePredicateHolds()
    {
        var seed = Random.Shared.Next();
        var random = new Random(seed);
        using var machines = new Machines();
        int timed = 0, left = 0;
        for (var i = 0; i < Programs; i++)
        {
            var makesSystemCalls = random.Next(3) == 0;
            var when = new RandomPrograms(random, EmulatedPoint.Caller, makesSystemCalls: makesSystemCalls).When();
            ProbeAction action = random.Next(4) == 0 ? new LevelAction() : new TimeAction(EmulatedPoint.ThreadNumberOffset, makesSystemCalls && random.Next(2) == 0);
            var point = machines.Next();
            Point entry = new(point.Graph.Entry, EmulatedPoint.Entry), exit = new(point.Graph.Entry, EmulatedPoint.Exit);
            if (action is LevelAction) when = null;
            if (!ProbeProgram.Of(when, action, makesSystemCalls).Try(out var program, out _) || program.Check(point.Graph, entry) is not null || program.Check(point.Graph, exit) is not null) continue;
            var (liveAtEntry, liveAtExit) = (LiveAt(random), LiveAt(random));
            var (enter, leave) = (point.Emit(program, liveAtEntry, EmulatedPoint.Entry), point.Emit(program, liveAtExit, EmulatedPoint.Exit));
            point.Clear(program);
            if (random.Next(2) == 0) TimeAction.GiveRows(action is TimeAction ? [(int)EmulatedPoint.ThreadNumberIs] : [], w => point.SharedWord(program, w), (w, value) => point.StoreWord(program.Words + w, value));
            var state = point.Arrive(random);
            var meaning = point.MeaningOf(state, above: 0);
            var holds = Readable(() => when is null || meaning.Holds(when)) ?? false;
            var harm = point.Pass(enter, state, liveAtEntry);
            if (action is LevelAction) Assert.Equal(1L, LevelAction.Read(w => point.SharedWord(program, w)));
            harm ??= point.Pass(leave, state, liveAtExit);
            Assert.True(harm is null, $"seed {seed}: {action} when {when}: {harm}");
            if (action is LevelAction) Assert.Equal(0L, LevelAction.Read(w => point.SharedWord(program, w)));
            else
            {
                var times = TimeAction.Read(w => point.Word(program.ActionWords + w));
                Assert.True(times.Calls == (holds ? 1UL : 0), $"seed {seed}: {action} when {when}: {times.Calls} timed");
                if (holds && action is TimeAction { IsCpuTime: true }) Assert.Equal(EmulatedPoint.CpuTimeStep, times.Sum);
                if (holds) timed++;
                else left++;
            }
        }
        Assert.True(timed > Programs / 20 && left > Programs / 20, $"{timed} timed, {left} not");
    }

    /// <summary>A chain of pointers that ends somewhere, or nowhere.</summary>
    [Fact]
    public void CheckedReads_AnswerWhatIsThere_OrThatNothingIs()
    {
        using var point = new EmulatedPoint();
        var names = new ParserTests.OneFunction(null);
        var action = new TraceAction([ExpressionParser.Parse("u64[u64[rsi] + 8]", names).Value, ExpressionParser.Parse("i8[rsi]", names).Value]);
        Assert.Equal(Reasons.ReadNotProved, ProbeProgram.Of(null, action).Value.Check(point.Graph, point.Point)!.Reason);
        var program = ProbeProgram.Of(null, action, allowsSystemCalls: true).Value;
        Assert.Null(program.Check(point.Graph, point.Point));
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        var records = new List<TraceRecord>();
        foreach (var from in new[] { EmulatedPoint.Variable.At.Value, 0UL, ulong.MaxValue - 3 })
        {
            var state = point.Arrive(new Random(1));
            state.General[Register.RSI - Register.RAX] = from;
            Assert.Null(point.Pass(code, state, LiveSet.All));
        }
        action.Drain(w => point.SharedWord(program, w), (_, _) => { }, records, givesUp: false);
        Assert.Equal([1u, 3u, 3u], records.Select(r => r.Unreadable));
    }

    [Fact]
    public void SystemCalls_AreMadeOnlyWhereTheyAreAllowed()
    {
        var asks = new BinaryOperation(BinaryOperator.Equal, new SystemCallValue("pid", SystemCallValue.GetPid), new Number(7));
        Assert.Equal(Reasons.SystemCallsNotAllowed, ProbeProgram.Of(asks, new CountAction()).Refusal.Reason);
        Assert.Equal(Reasons.SystemCallsNotAllowed, ProbeProgram.Of(null, new TimeAction(EmulatedPoint.ThreadNumberOffset, IsCpuTime: true)).Refusal.Reason);
        Assert.True(ProbeProgram.Of(asks, new CountAction(), allowsSystemCalls: true).IsDone);
    }

    /// <summary>The detector: told that nothing is live, the code overwrites registers, and that is seen.</summary>
    [Fact]
    public void Detector_SeesARegisterThatWasNotSaved_AndAFlag()
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(null, new ValuesAction([new RegisterValue(Register.RSI)])).Value;
        var code = point.Emit(program, LiveSet.Empty);
        point.Clear(program);
        Assert.Contains("was changed", point.Pass(code, point.Arrive(new Random(1)), LiveSet.All));
        Assert.Contains("flags", Enumerable.Range(0, 20).Select(n => point.Pass(code, point.Arrive(new Random(n)), LiveSet.Of(Status))).FirstOrDefault(w => w is not null));
    }

    /// <summary>The detector: a read that is not proved faults in this machine.</summary>
    [Fact]
    public void Detector_SeesAWildRead()
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(null, new TraceAction([new Load(new IntegerType(8, false), new RegisterValue(Register.RSI))])).Value;
        Assert.Equal(Reasons.ReadNotProved, program.Check(point.Graph, point.Point)!.Reason);
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        Assert.NotNull(point.Pass(code, point.Arrive(new Random(1)), LiveSet.All));
    }

    /// <summary>Where the code is called, the return address lies between it and what the point sees.</summary>
    [Fact]
    public void BehindACall_TheStackIsThePoints()
    {
        using var point = new EmulatedPoint();
        var action = new TraceAction([new RegisterValue(Register.RSP), new ReturnAddress(), new Load(new IntegerType(8, false), new RegisterValue(Register.RSP))]);
        var program = ProbeProgram.Of(null, action).Value;
        foreach (var live in new[] { LiveSet.All, LiveSet.Empty })
        {
            var code = point.Emit(program, live, pushed: 8);
            point.Clear(program);
            var state = point.Arrive(new Random(1));
            var meaning = point.MeaningOf(state);
            var called = state.Copy();
            called.General[MachineState.Rsp] -= 8;
            Assert.Null(point.Pass(code, called, live));
            var records = new List<TraceRecord>();
            action.Drain(w => point.SharedWord(program, w), (_, _) => { }, records, givesUp: false);
            Assert.Equal(action.Fields.Select(meaning.Of), Assert.Single(records).Values);
        }
    }

    /// <summary>Points that are passed a few times only are sampled as often as others.</summary>
    [Fact]
    public void Every_BeginsAnywhere()
    {
        var program = ProbeProgram.Of(new Every(100), new CountAction()).Value;
        var first = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var words = new ulong[program.Words];
            program.Prepare(words);
            Assert.Equal(0UL, words[program.ActionWords]);
            if ((uint)words[0] == 0) first++;
        }
        Assert.InRange(first, 100, 300);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public void Every_TakesOneInN(int n)
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(new Every((uint)n), new CountAction()).Value;
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        var state = point.Arrive(new Random(1));
        var passages = 200 * n;
        for (var i = 0; i < passages; i++) Assert.Null(point.Pass(code, state, LiveSet.All));
        Assert.InRange((double)point.Word(program.ActionWords), n == 1 ? 200 : 170, n == 1 ? 200 : 230);
    }

    [Fact]
    public void Values_BeyondTheTable_AreCountedTogether()
    {
        using var point = new EmulatedPoint();
        var action = new ValuesAction([new RegisterValue(Register.RSI)]);
        var program = ProbeProgram.Of(null, action).Value;
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        for (var i = 0UL; i < 500; i++)
        {
            var state = point.Arrive(new Random(1));
            state.General[Register.RSI - Register.RAX] = i % 250;
            Assert.Null(point.Pass(code, state, LiveSet.All));
        }
        var counts = ValuesAction.Read(0, w => point.Word(program.ActionWords + w));
        Assert.Equal(500UL, counts.Total);
        Assert.True(counts.Counts.Count is > 50 and < 75 && counts.Counts.All(c => c is { Key: < 250, Value: 2 }), $"{counts.Counts.Count} values, {counts.Other} others");
    }

    [Fact]
    public void Ring_ThatNobodyReads_LosesAndSaysSo()
    {
        using var point = new EmulatedPoint();
        var action = new TraceAction([new RegisterValue(Register.RSI)]);
        var program = ProbeProgram.Of(null, action).Value;
        var code = point.Emit(program, LiveSet.All);
        point.Clear(program);
        var state = point.Arrive(new Random(1));
        for (var i = 0; i < TraceAction.Capacity + 10; i++) Assert.Null(point.Pass(code, state, LiveSet.All));
        var records = new List<TraceRecord>();
        Assert.False(action.Drain(w => point.SharedWord(program, w), (_, _) => { }, records, givesUp: false).IsUnfinished);
        Assert.Equal((ulong)(TraceAction.Capacity + 10 - records.Count), TraceAction.LostOf(w => point.SharedWord(program, w)));
        Assert.All(records, r => Assert.Equal(state.General[Register.RSI - Register.RAX], r.Values[0]));
        Assert.Equal(records.Select(r => r.Time).Order(), records.Select(r => r.Time));
    }

    [Fact]
    public void WhatCostsNothing_SavesNothing()
    {
        Assert.Equal("lock inc qword [word 0]", Listing("count", null, LiveSet.All - LiveSet.Of(Status)));
        Assert.Equal("cmp edi,10h; jne short; lock inc qword [word 0]; nop; nop", Listing("count", "edi == 16", LiveSet.All - LiveSet.Of(Status)));
        Assert.Equal("dec dword [word 0]; js short; nop", Listing("count", "every(10)", LiveSet.All - LiveSet.Of(Status)));
        Assert.Equal("mov eax,fs:[2D0h]; cmp rax,[word 8]; jne short; inc qword [word 16]; nop", Listing("fast-count", null, LiveSet.All - LiveSet.Of(Status) - LiveSet.Of(Register.RAX) - LiveSet.Of(Register.RDX)));
    }

    private static string Listing(string action, string? when, LiveSet live)
    {
        using var point = new EmulatedPoint();
        var program = ProbeProgram.Of(when is null ? null : ExpressionParser.Parse(when, ParserTests.NoFunctions).Value, ActionParser.Parse(action, ParserTests.NoFunctions).Value).Value;
        return string.Join("; ", point.Instructions(program, live));
    }

    private static void AssertRecorded(EmulatedPoint point, ProbeProgram program, Meaning meaning, int counted, string what)
    {
        switch (program.Action)
        {
            case ValuesAction values:
                foreach (var (expression, n) in values.Values.Select((e, n) => (e, n)))
                {
                    var counts = ValuesAction.Read(n, w => point.Word(program.ActionWords + w)).Counts;
                    Assert.True(counts.Any(c => c.Key == meaning.Of(expression)), $"{what}: {expression} is {meaning.Of(expression):x}");
                }
                break;
            case TraceAction trace:
                var records = new List<TraceRecord>();
                trace.Drain(w => point.SharedWord(program, w), (_, _) => { }, records, givesUp: false);
                Assert.Equal(counted, records.Count);
                Assert.Equal(7, records[^1].Point);
                var wanted = trace.Fields.Select(f => Readable(() => meaning.Of(f))).ToList();
                Assert.True(wanted.Select(w => w ?? 0).SequenceEqual(records[^1].Values), $"{what}: {string.Join(", ", wanted)} and not {string.Join(", ", records[^1].Values)}");
                Assert.Equal(wanted.Select((w, n) => w is null ? 1u << n : 0).Aggregate(0u, (all, bit) => all | bit), records[^1].Unreadable);
                break;
        }
    }

    /// <summary>Null where it would read what is not mapped.</summary>
    private static T? Readable<T>(Func<T> value) where T : struct
    {
        try
        {
            return value();
        }
        catch (UnreadableException)
        {
            return null;
        }
    }

    private static int Recorded(EmulatedPoint point, ProbeProgram program) => program.Action switch
    {
        ValuesAction => (int)ValuesAction.Read(0, w => point.Word(program.ActionWords + w)).Total,
        TraceAction => (int)point.SharedWord(program, 0),
        _ => (int)point.Word(program.ActionWords),
    };

    private static LiveSet LiveAt(Random random)
    {
        var live = random.Next(3) == 0 ? LiveSet.Empty : LiveSet.Of(Status);
        for (var register = Register.RAX; register <= Register.R15; register++)
        {
            if (random.Next(2) == 0) live |= LiveSet.Of(register);
        }
        return live;
    }

    private static void Run(int seed, bool isHostile, Action<EmulatedPoint, ProbeProgram, Expression?, Random> test)
    {
        var random = new Random(seed);
        using var machines = new Machines();
        for (var i = 0; i < Programs; i++)
        {
            var makesSystemCalls = random.Next(3) == 0;
            var source = new RandomPrograms(random, EmulatedPoint.Caller, isHostile, makesSystemCalls);
            var (when, action) = (source.When(), source.Action());
            var point = machines.Next();
            if (!ProbeProgram.Of(when, action, makesSystemCalls).Try(out var program, out var why))
            {
                Assert.Equal(Reasons.ProgramTooLarge, why.Reason);
                continue;
            }
            Assert.Null(program.Check(point.Graph, point.Point));
            test(point, program, when, random);
        }
    }

    /// <summary>A machine as long as it has room for code, then the next.</summary>
    private sealed class Machines : IDisposable
    {
        private EmulatedPoint point = new();

        public EmulatedPoint Next()
        {
            if (point.HasRoom) return point;
            point.Dispose();
            return point = new EmulatedPoint();
        }

        public void Dispose() => point.Dispose();
    }
}
