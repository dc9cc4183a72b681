using System.IO.MemoryMappedFiles;

namespace KernOpt.Bench.Figures;

/// <summary>
/// A thread inside of a program that was started with <see cref="Environment"/>, which looks at the clock all the time (tests/Targets/clockwatcher.c).
/// </summary>
internal sealed class ClockWatcher : IDisposable
{
    private const int Bytes = 4096;

    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor words;

    public ClockWatcher()
    {
        var path = Path.Combine(Scratch.Folder, "clock");
        file = MemoryMappedFile.CreateFromFile(path, FileMode.Create, null, Bytes);
        words = file.CreateViewAccessor();
        Environment = [$"LD_PRELOAD={Scratch.Compile("clockwatcher", "-O2", "-shared", "-fPIC")}", $"CLOCKWATCHER={path}"];
    }

    public string[] Environment { get; }

    /// <summary>Begins anew.</summary>
    public void Reset()
    {
        words.Write(0, words.ReadUInt64(0) + 1);
        while (words.ReadUInt64(8) > 1_000_000) Thread.Sleep(1);
    }

    public Gaps Read() => new(words.ReadUInt64(16) / 1000.0, words.ReadUInt64(24) / 1000.0);

    public void Dispose()
    {
        words.Dispose();
        file.Dispose();
    }
}

/// <summary>The longest time that the thread did not run, and the longest without the time that it waited for a processor, in microseconds.</summary>
internal sealed record Gaps(double Longest, double Stopped)
{
    public static Gaps operator |(Gaps a, Gaps b) => new(Math.Max(a.Longest, b.Longest), Math.Max(a.Stopped, b.Stopped));

    public override string ToString() => $"{Longest:0} us, {Stopped:0} us of them not waiting for a processor";
}
