using System.Buffers.Binary;
using System.Globalization;
using KernOpt.Linux.Memory;
using KernOpt.Target;

namespace KernOpt.Linux.Threads;

/// <summary>
/// Where the C library keeps the number of a thread: it writes it down behind the thread pointer when the thread starts (glibc and musl: struct pthread, tid), and anew in a
/// forked child. Found by looking for the numbers of threads that are held for a moment.
/// </summary>
internal static class ThreadNumberPlace
{
    private const int BytesSearched = 4096, ThreadsLookedAt = 16;

    /// <summary>Bytes above the thread pointer. Refused (4304) when no word, or more than one, holds the number of each thread that was looked at.</summary>
    public static Outcome<int> Find(int pid, TargetMemory memory, ThreadHolds holds, Func<TargetMap> readMap)
    {
        List<int>? candidates = null;
        var map = readMap();
        var bytes = new byte[BytesSearched];
        foreach (var id in ThreadFacts.List(pid).Take(ThreadsLookedAt))
        {
            if (ThreadFacts.Read(pid, id) is not { } thread || InnermostNumber(pid, id) is not { } number) continue;
            if (!holds.Hold<Address>(id, BlockedTime.Of(pid, thread, map), held => (new Address(held.Stopped.FsBase), null)).Try(out var pointer, out _)) continue;
            // Code that looks there would fault in it.
            if (pointer == Address.Zero) return Reasons.ThreadNumberNotFound.With($"thread {id} has no thread-local memory");
            var read = memory.Read(pointer, bytes);
            var found = Enumerable.Range(0, read / 4).Select(word => 4 * word).Where(at => BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(at)) == number);
            candidates = candidates is null ? [.. found] : [.. candidates.Intersect(found)];
        }
        return candidates is [var only] ? only : Reasons.ThreadNumberNotFound.With(candidates is { Count: > 1 } ? "several words hold it" : "");
    }

    /// <summary>The number that the thread itself is told; null when it is gone: in its own namespace of processes (/proc/PID/status, NSpid, the last).</summary>
    public static int? InnermostNumber(int pid, int thread)
    {
        try
        {
            var line = File.ReadLines($"/proc/{pid}/task/{thread}/status").FirstOrDefault(l => l.StartsWith("NSpid:", StringComparison.Ordinal));
            return line is null ? thread : int.Parse(line.Split('\t')[^1], CultureInfo.InvariantCulture);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
