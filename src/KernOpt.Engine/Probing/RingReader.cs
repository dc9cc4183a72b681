using System.Diagnostics;
using KernOpt.Live;
using KernOpt.Probes.Actions;

namespace KernOpt.Engine.Probing;

/// <summary>Moves the finished records of a ring into a list; GivesUp: passes over a first one that is not finished.</summary>
internal delegate Drained Drain<TRecord>(Func<int, ulong> word, Action<int, ulong> store, ICollection<TRecord> into, bool givesUp);

/// <summary>Reads the ring of records of one set of points.</summary>
internal sealed class RingReader<TRecord>(InstalledPoints set, Drain<TRecord> drain)
{
    /// <summary>A record that has been unfinished for so long is given up, and counted as lost. Until then the ring fills up, and is not written over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly List<TRecord> records = [];
    private readonly Stopwatch stuck = new();
    private ulong skipped;

    public InstalledPoints Set => set;

    /// <summary>Passages that found the ring full, and records that were passed over.</summary>
    public ulong Lost => TraceAction.LostOf(set.SharedWord) + skipped;

    /// <summary>What has been recorded since; good until the next call.</summary>
    public IReadOnlyList<TRecord> Read()
    {
        records.Clear();
        var givesUp = stuck.Elapsed > Patience;
        var drained = drain(set.SharedWord, set.StoreShared, records, givesUp);
        skipped += drained.Skipped;
        if (givesUp) stuck.Reset();
        if (drained.IsUnfinished && records.Count == 0) stuck.Start();
        else stuck.Reset();
        return records;
    }
}
