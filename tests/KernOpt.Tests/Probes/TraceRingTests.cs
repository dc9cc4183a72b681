using KernOpt.Probes.Actions;
using Xunit;

namespace KernOpt.Tests.Probes;

/// <summary>What the reader of a ring tells of records that it never saw.</summary>
public sealed class TraceRingTests
{
    private const int Head = 0, Tail = 8, Ring = 16, RecordWords = 8;

    /// <summary>More threads than there is slack for found room at the same time, and wrote over the oldest records.</summary>
    [Fact]
    public void RecordsThatWereWrittenOver_AreSkipped_AndCounted()
    {
        var words = Words(TraceAction.Capacity + 100);
        var records = new List<TraceRecord>();
        var drained = new TraceAction([]).Drain(w => words[w], (w, value) => words[w] = value, records, givesUp: false);
        Assert.Equal((new Drained(false, 100), TraceAction.Capacity, words[Head]), (drained, records.Count, words[Tail]));
    }

    /// <summary>One whose thread has left it is given up once, not one that was finished in the meantime.</summary>
    [Fact]
    public void ARecordThatIsGivenUp_IsCounted_OneThatIsFinishedIsNot()
    {
        var words = Words(10);
        var records = new List<TraceRecord>();
        Assert.Equal(new Drained(false, 0), new TraceAction([]).Drain(w => words[w], (w, value) => words[w] = value, records, givesUp: true));
        words = Words(10);
        words[Ring] = 0;
        Assert.Equal(new Drained(true, 0), new TraceAction([]).Drain(w => words[w], (w, value) => words[w] = value, [], givesUp: false));
        Assert.Equal(new Drained(false, 1), new TraceAction([]).Drain(w => words[w], (w, value) => words[w] = value, records, givesUp: true));
        Assert.Equal(19, records.Count);
    }

    /// <summary>The words are the target's to spoil.</summary>
    [Fact]
    public void SpoiltWords_AreReadWithinTheRing_AndSkipNothing()
    {
        var words = Words(10);
        words[Tail] = ulong.MaxValue / 2;
        Assert.Equal(0UL, new TraceAction([]).Drain(w => words[w], (w, value) => words[w] = value, [], givesUp: false).Skipped);
    }

    /// <summary>A ring that holds the last of so many records, all finished.</summary>
    private static ulong[] Words(int written)
    {
        var words = new ulong[Ring + TraceAction.Capacity * RecordWords];
        words[Head] = (ulong)written;
        for (var record = 0; record < written; record++) words[Ring + record % TraceAction.Capacity * RecordWords] = (ulong)record + 1;
        return words;
    }
}
