using System.Diagnostics;
using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Live;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>Reads copies of stacks and unwinds them: <see cref="StackAction"/>.</summary>
internal static class StackReadings
{
    /// <summary>Different stacks that a report holds; passages with others are counted.</summary>
    private const int MostKept = 10_000;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(2), LookAtThreads = TimeSpan.FromMilliseconds(100), LookAtModules = TimeSpan.FromSeconds(1);

    public static async Task<ProbeReadings> ReadAsync(Session session, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        var points = probes.Points.ToDictionary(p => (p.Set, p.Number));
        var counts = new Dictionary<PlacedPoint, ulong>();
        var stacks = new StackCounts(session, MostKept);
        var rings = probes.Sets.Select(s => (Ring: new RingReader<StackRecord>(s, StackAction.Drain), Rows: new StackRows(session.Target, s))).ToList();
        var threads = Stopwatch.StartNew();
        // What was recorded while the places were put in is not of the time, but tells whose stacks there are.
        Read((_, _) => { });
        var lost = rings.Sum(r => (long)r.Ring.Lost);
        var seconds = await probes.WatchAsync(time, Look, () => Read(Add), cancellation).ConfigureAwait(false);
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => counts.GetValueOrDefault(probes.Points[i]), _ => null))
        {
            Stacks = stacks.Report(rings.Sum(r => (long)r.Ring.Lost) - lost),
        };

        void Read(Action<InstalledPoints, StackRecord> use)
        {
            foreach (var (ring, rows) in rings)
            {
                var records = ring.Read();
                rows.See(records);
                foreach (var record in records) use(ring.Set, record);
            }
            if (threads.Elapsed < LookAtThreads) return;
            threads.Restart();
            // None at all: they could not be read.
            if (session.Target.ReadThreadNumbers() is not { Count: > 0 } numbers) return;
            var alive = numbers.ToHashSet();
            foreach (var (_, rows) in rings) rows.Close(alive);
        }

        void Add(InstalledPoints set, StackRecord record)
        {
            // The number is the target's to spoil.
            if (!points.TryGetValue((set, record.Point), out var point)) return;
            counts[point] = counts.GetValueOrDefault(point) + 1;
            stacks.Add(point.Point.At, record);
        }
    }

    /// <summary>Different stacks, and how often each was seen.</summary>
    private sealed class StackCounts(Session session, int most)
    {
        private readonly StackWalk walk = new(session.Program);
        private readonly Dictionary<CallStack, long> counts = [];
        private readonly Stopwatch modules = Stopwatch.StartNew();
        private long notKept, truncated, total;

        public void Add(Address at, StackRecord record)
        {
            var stack = Walk(at, record);
            total++;
            if (stack.End == StackEnd.Truncated) truncated++;
            if (counts.TryGetValue(stack, out var count) || counts.Count < most) counts[stack] = count + 1;
            else notKept++;
        }

        public StacksReport Report(long lost) => new(
            [.. counts.OrderByDescending(c => c.Value).ThenBy(c => c.Key.Frames.Length).Select(c => new StackRow(c.Value, (double)c.Value / total, StackText.Of(c.Key.End), [.. c.Key.Frames.Select(f => StackText.Of(session, f))]))],
            total, truncated, notKept, lost);

        /// <summary>A frame in no module may be in one that has been loaded since.</summary>
        private CallStack Walk(Address at, StackRecord record)
        {
            var stack = walk.From(StackText.RegistersOf(at, record), record.Word);
            if (stack.End != StackEnd.NoTable || modules.Elapsed < LookAtModules) return stack;
            modules.Restart();
            if (!session.Program.Refresh().Try(out var change, out _) || change is { Loaded.IsEmpty: true, Unloaded.IsEmpty: true }) return stack;
            walk.Forget();
            return walk.From(StackText.RegistersOf(at, record), record.Word);
        }
    }
}

/// <summary>Stacks and their frames as reports have them.</summary>
internal static class StackText
{
    /// <summary>Where rsp, rbp, rbx, r12 to r15 are among the DWARF numbers (x86-64 psABI, figure 3.36).</summary>
    private static readonly int[] Numbers = [7, 6, 3, 12, 13, 14, 15];

    public static FrameRegisters RegistersOf(Address at, StackRecord record)
    {
        var values = new ulong?[UnwindRow.RegisterCount];
        foreach (var (number, value) in Numbers.Zip(record.Registers)) values[number] = value;
        values[UnwindRow.ReturnAddress] = at.Value;
        return new FrameRegisters([.. values]);
    }

    public static string Of(StackEnd end) => end switch
    {
        StackEnd.Complete => "complete",
        StackEnd.Truncated => "truncated",
        StackEnd.NoTable => "no-table",
        StackEnd.TooDeep => "too-deep",
        _ => "not-known",
    };

    /// <summary>Code in a region is named after the function that it is a version of; what is in no function after its module, and what is in none by its address.</summary>
    public static StackFrameRow Of(Session session, CallFrame frame)
    {
        var module = session.Program.ModuleAt(frame.Inside);
        if (session.FunctionAt(frame.Inside) is not { } function) return new StackFrameRow(frame.At, module?.Name, null, module is null ? null : (ulong)(frame.At - module.LoadBias));
        return new StackFrameRow(frame.At, function.Module.Name, function.DisplayName, module == function.Module ? (ulong)(frame.At - function.Start) : null);
    }
}
