using KernOpt.Engine.Profiling;
using KernOpt.Engine.Reports;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>What probes recorded in so many seconds.</summary>
internal sealed record ProbeReadings(double Seconds, IReadOnlyList<ProbeRow> Rows, TraceReport? Trace = null, TimesReport? Times = null)
{
    public StacksReport? Stacks { get; init; }

    /// <summary>For people.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>One row a point, in order of address. Count: passages that the predicate let through.</summary>
    public static IReadOnlyList<ProbeRow> RowsOf(IReadOnlyList<PlacedPoint> points, double seconds, Func<int, ulong> count, Func<int, IReadOnlyList<ValueTableRow>?> values) =>
        [.. points.Select((p, i) => Row(p, count(i), seconds, values(i))).OrderBy(r => r.Address.Value)];

    public static string PlaceOf(PlacedPoint placed) => placed.Graph.Function.NameOf(placed.Point.At);

    private static ProbeRow Row(PlacedPoint placed, ulong count, double seconds, IReadOnlyList<ValueTableRow>? values) => new(
        PlaceOf(placed), placed.Graph.Function.DisplayName, placed.Graph.Function.Module.Name, placed.Point.At, Listing.Of(placed.Point.Instruction), placed.Rung.ToString(),
        (long)count, count / seconds, values);
}

/// <summary>Reads counters: <see cref="CountAction"/>, <see cref="PerThreadCountAction"/>.</summary>
internal static class CountReadings
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    public static async Task<ProbeReadings> ReadAsync(ITarget target, ProbeProgram program, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        var counts = new PassageCounts(target, program);
        counts.GiveSlots(probes.Points);
        var from = probes.Points.Select(counts.At).ToList();
        var seconds = await probes.WatchAsync(time, Look, () => counts.GiveSlots(probes.Points), cancellation).ConfigureAwait(false);
        var passages = probes.Points.Select((p, i) => counts.At(p) - from[i]).ToList();
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => passages[i], _ => null));
    }
}
