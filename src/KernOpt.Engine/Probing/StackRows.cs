using KernOpt.Live;
using KernOpt.Probes.Actions;
using KernOpt.Target;

namespace KernOpt.Engine.Probing;

/// <summary>
/// Which thread may copy its stack beyond a page, and how far, in one set of points. Only for stacks of which it is known that the thread was made with them: that of the kernel's making, and a mapping
/// with a guard right below that holds the stack pointer and, above it, the thread's own descriptor, as the C library makes them.
/// </summary>
internal sealed class StackRows(ITarget target, InstalledPoints set)
{
    private const string FirstStack = "[stack]";
    private const ulong PageBytes = 4096;

    /// <summary>By row. A row belongs to its first thread for ever, so that a passage never reads another one's bounds.</summary>
    private readonly Dictionary<int, StackBounds> given = [];

    /// <summary>Threads that are not looked at again until the next time that those that have ended are.</summary>
    private readonly HashSet<int> refused = [];

    /// <summary>Looks at threads that have passed a point; the memory map is read for those that are new, or further down than they were.</summary>
    public void See(IEnumerable<StackRecord> records)
    {
        var seen = records.Where(MayBeGiven).GroupBy(r => r.Thread).Select(r => r.MinBy(s => s.StackPointer)!).ToList();
        if (seen.Count == 0) return;
        var map = target.ReadMap();
        // Whoever is there now was there when the map was read: no other thread has got his number in between.
        var alive = target.ReadThreadNumbers().ToHashSet();
        foreach (var record in seen)
        {
            if (!alive.Contains(record.Thread) || RowOf(map, record) is not { } row || !IsReadable(row))
            {
                refused.Add(record.Thread);
                continue;
            }
            given[StackAction.RowOf(row.Thread)] = row;
            StackAction.Give(row, set.StoreShared);
        }
    }

    /// <summary>Takes the rows of threads that have ended.</summary>
    public void Close(IReadOnlySet<int> alive)
    {
        refused.Clear();
        foreach (var row in given.Values.Where(r => r.End != 0 && !alive.Contains(r.Thread)).ToList())
        {
            StackAction.Close(row.Thread, set.StoreShared);
            given[StackAction.RowOf(row.Thread)] = row with { End = 0 };
        }
    }

    private bool MayBeGiven(StackRecord record)
    {
        if (!given.TryGetValue(StackAction.RowOf(record.Thread), out var row)) return !refused.Contains(record.Thread);
        return row.Thread == record.Thread && row.ThreadPointer == record.ThreadPointer && record.StackPointer < row.Low && row.End != 0 && !refused.Contains(record.Thread);
    }

    /// <summary>Every page of it: a guard that madvise(2) has put in (MADV_GUARD_INSTALL) is not in the memory map.</summary>
    private bool IsReadable(StackBounds row)
    {
        Span<byte> one = stackalloc byte[1];
        for (var at = new Address(row.Low); at.Value < row.End; at += PageBytes)
        {
            if (target.Read(at, one) != one.Length) return false;
        }
        return true;
    }

    /// <summary>From the page of the stack pointer that was seen, since what is mapped below may be another one's. Null where it is not known whose stack it is.</summary>
    internal static StackBounds? RowOf(TargetMap map, StackRecord record)
    {
        if (map.At(new Address(record.StackPointer)) is not { IsPrivate: true, Inode: 0 } stack || !stack.Protection.HasFlag(Protection.Read | Protection.Write)) return null;
        var (low, end) = (stack.Range.Start, stack.Range.End);
        var seen = new Address(record.StackPointer).AlignDown(PageBytes);
        if (stack.Path == FirstStack) return new StackBounds(record.Thread, record.ThreadPointer, seen.Value, end.Value);
        var descriptor = new Address(record.ThreadPointer);
        var isGuarded = map.At(low - 1) is { Protection: Protection.None };
        return isGuarded && stack.Range.Contains(descriptor) && record.StackPointer < descriptor.Value ? new StackBounds(record.Thread, record.ThreadPointer, seen.Value, descriptor.Value) : null;
    }
}
