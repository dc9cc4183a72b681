using KernOpt.Engine.Probing;
using KernOpt.Engine.Reports;
using KernOpt.Engine.Sessions;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Waiting;

/// <summary>Puts names to what was recorded. Kinds: of functions and of places of futex(2), by address.</summary>
internal sealed class WaitTables(Session session, IReadOnlyDictionary<Address, string> kinds, double ticksPerSecond, double seconds)
{
    private readonly DataNames names = new(session);

    public WaitsReport Report(string target, TimeSpan least, Seen from, Seen to, IReadOnlyList<(Address What, double Seconds)> open, PlacedProbes probes)
    {
        var rows = Rows(from, to);
        var locks = rows.GroupBy(r => (r.Key.What, Kind: KindOf(r.Key.Function))).Select(g => Lock(g.Key.What, g.Key.Kind, g)).OrderByDescending(l => l.Seconds).ToList();
        var others = to.Sets.Zip(from.Sets, (b, a) => (Waits: b.Others.Waits - a.Others.Waits, Cycles: b.Others.Cycles - a.Others.Cycles)).ToList();
        return new WaitsReport(target, seconds, least.TotalMicroseconds, locks, Functions(from, to), [.. open.GroupBy(o => o.What).Select(g => new OpenWaitRow(g.Key, names.Of(g.Key), g.Count(), g.Max(o => o.Seconds))).OrderByDescending(o => o.LongestSeconds)],
            others.Sum(o => (long)o.Waits), others.Sum(o => (double)o.Cycles) / ticksPerSecond, to.Sets.Zip(from.Sets, (b, a) => (long)(b.NoRoom - a.NoRoom)).Sum(),
            to.Sets.Zip(from.Sets, (b, a) => (long)(b.NoEntry - a.NoEntry)).Sum(), probes.Points.Count, [], []);
    }

    private string KindOf(Address function) => kinds.GetValueOrDefault(function, "?");

    private static List<(WaitKey Key, WaitSum Sum)> Rows(Seen from, Seen to)
    {
        var rows = new List<(WaitKey, WaitSum)>();
        foreach (var (after, before) in to.Sets.Zip(from.Sets))
        {
            foreach (var (key, sum) in after.Rows)
            {
                var earlier = before.Rows.GetValueOrDefault(key);
                if (sum.Waits > earlier.Waits) rows.Add((key, new WaitSum(sum.Waits - earlier.Waits, sum.Cycles - earlier.Cycles, sum.Longest)));
            }
        }
        return rows;
    }

    private WaitLockRow Lock(ulong what, string kind, IEnumerable<(WaitKey Key, WaitSum Sum)> rows)
    {
        var callers = rows.Select(r => new WaitCallerRow(CallerOf(r.Key.Caller), r.Key.Caller, FunctionOf(r.Key.Function), (long)r.Sum.Waits, r.Sum.Cycles / ticksPerSecond, r.Sum.Longest / ticksPerSecond)).OrderByDescending(c => c.Seconds).ToList();
        var (waits, total) = (callers.Sum(c => c.Waits), callers.Sum(c => c.Seconds));
        return new WaitLockRow(new Address(what), names.Of(new Address(what)), kind, waits, total, total / seconds, total / waits * 1e6, callers.Max(c => c.LongestSeconds) * 1e6, callers);
    }

    /// <summary>Calls that ended, by function; places of futex(2) by the function that they are in.</summary>
    private List<WaitFunctionRow> Functions(Seen from, Seen to) =>
        [.. to.Exits.Zip(from.Exits, (b, a) => (b.Point, Ended: b.Ended - a.Ended, Waits: b.Waits - a.Waits, Cycles: b.Cycles - a.Cycles)).GroupBy(e => e.Point.Graph.Function).Where(g => g.Any(e => e.Ended > 0))
            .Select(g => new WaitFunctionRow(g.Key.DisplayName, g.Key.Module.Name, kinds.GetValueOrDefault(g.Key.Start, WaitingFunctions.FutexKind), g.Sum(e => (long)e.Ended), g.Sum(e => (long)e.Waits), g.Sum(e => (double)e.Cycles) / ticksPerSecond))
            .OrderByDescending(f => f.WaitSeconds)];

    private string CallerOf(Address returnsTo) =>
        session.FunctionAt(new Address(returnsTo.Value - 1)) is { } function ? function.NameOf(returnsTo) : $"{returnsTo}";

    private string FunctionOf(Address at) => session.FunctionAt(at) is { } function ? function.DisplayName : $"{at}";
}
