using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Probes;
using KernOpt.Probes.Actions;
using KernOpt.Probes.Language;

namespace KernOpt.Engine.Probing;

/// <summary>Reads tables of values: <see cref="ValuesAction"/>.</summary>
internal static class ValueReadings
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Of the time alone: what the tables held when it began is taken off.</summary>
    public static async Task<ProbeReadings> ReadAsync(Session session, ProbeProgram program, ValuesAction action, PlacedProbes probes, TimeSpan time, CancellationToken cancellation)
    {
        var from = Tables(program, action, probes);
        var seconds = await probes.WatchAsync(time, Look, () => { }, cancellation).ConfigureAwait(false);
        var to = Tables(program, action, probes).Zip(from, (after, before) => after.Zip(before, (a, b) => a.Since(b)).ToList()).ToList();
        return new ProbeReadings(seconds, ProbeReadings.RowsOf(probes.Points, seconds, i => to[i][0].Total, i => [.. to[i].Select((t, n) => Row(session, action.Values[n], t))]));
    }

    private static List<List<ValueCounts>> Tables(ProbeProgram program, ValuesAction action, PlacedProbes probes) =>
        [.. probes.Points.Select(p => action.Values.Select((_, n) => ValuesAction.Read(n, word => p.Word(program.ActionWords + word))).ToList())];

    private static ValueTableRow Row(Session session, Expression expression, ValueCounts table)
    {
        var total = table.Total;
        return new ValueTableRow($"{expression}", (long)table.Other, [.. table.Counts.Select(c => new ValueRow(ValueText.Of(session, expression, c.Key), (long)c.Value, (double)c.Value / total))]);
    }
}
