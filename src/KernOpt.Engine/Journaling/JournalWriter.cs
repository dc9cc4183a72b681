using System.Collections.Concurrent;
using KernOpt.Target;

namespace KernOpt.Engine.Journaling;

/// <summary>
/// Writes entries in the order in which they come, on a thread of its own. Whoever posts one never waits for the disk: an fsync(2) takes up to minutes where the processors
/// are all busy, and meanwhile a target would be left at whatever arm was measured last. A kill loses the entries that were not written yet.
/// </summary>
internal sealed class JournalWriter : IDisposable
{
    private readonly Journal journal;
    private readonly BlockingCollection<JournalEntry> waiting = [];
    private readonly Thread thread;
    private volatile Refusal? failure;
    private int isDisposed;

    public JournalWriter(Journal journal)
    {
        this.journal = journal;
        thread = new Thread(Write) { IsBackground = true, Name = "kernopt journal" };
        thread.Start();
    }

    /// <summary>Why the first entry that could not be written was not; null as long as all could.</summary>
    public Refusal? Failure => failure;

    public void Post(JournalEntry entry) => waiting.Add(entry);

    /// <summary>Waits until all is written.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) != 0) return;
        waiting.CompleteAdding();
        thread.Join();
        waiting.Dispose();
    }

    private void Write()
    {
        foreach (var entry in waiting.GetConsumingEnumerable())
        {
            if (!journal.Append(entry).Try(out _, out var why)) failure ??= why;
        }
    }
}
