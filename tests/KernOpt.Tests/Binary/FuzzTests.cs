using System.Buffers.Binary;
using CsCheck;
using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>
/// Damaged files never make the readers throw, run for ever, or allocate beyond a multiple of the file's size. Checked: everything that
/// <see cref="ModuleFile"/> reads, all unwind rows, all stubs. Not checked: that what is read of a damaged file makes sense.
/// KERNOPT_FUZZ is the number of damaged files (default 3,000).
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const long AllocationsPerByte = 400;
    private const long AllocationsAnyway = 32 << 20;
    private static readonly TimeSpan Endless = TimeSpan.FromSeconds(60);

    private readonly SmallPrograms programs = new();

    private static long Iterations => long.TryParse(Environment.GetEnvironmentVariable("KERNOPT_FUZZ"), out var n) ? n : 3_000;

    public void Dispose() => programs.Dispose();

    [Fact]
    public void Damaged_files_are_read_in_bounded_time_and_memory_without_an_exception()
    {
        var seeds = Seeds();
        Gen.Select(Gen.Int[0, seeds.Count - 1], HostileBytes.Damages).Sample(
            (seed, damages) => Assert.Null(Misbehaviour((bytes, _) => ReadEverything(bytes), HostileBytes.Apply(seeds[seed].Bytes, seeds[seed].Tables, damages))),
            iter: Iterations, threads: 1);
    }

    [Theory]
    [InlineData("throws")]
    [InlineData("allocates")]
    [InlineData("loops")]
    public void The_fuzzer_catches_a_reader_that(string planted)
    {
        Action<byte[], CancellationToken> reader = planted switch
        {
            "throws" => UncheckedReader.IndexesByTheHeader,
            "allocates" => UncheckedReader.AllocatesByTheHeader,
            _ => UncheckedReader.StandsStillAtLengthZero,
        };
        var seeds = Seeds();
        Assert.All(seeds, s => Assert.Null(Misbehaviour(reader, s.Bytes)));
        var caught = new List<string>();
        Gen.Select(Gen.Int[0, seeds.Count - 1], HostileBytes.Damages).Sample((seed, damages) =>
        {
            if (caught.Count > 0) return;
            var damaged = HostileBytes.Apply(seeds[seed].Bytes, seeds[seed].Tables, damages);
            if (Misbehaviour(reader, damaged, TimeSpan.FromSeconds(2)) is { } how) caught.Add(how);
        }, iter: 3_000, threads: 1);
        Assert.Contains(planted, Assert.Single(caught), StringComparison.Ordinal);
    }

    /// <summary>What a reader did that it must not, or null.</summary>
    private static string? Misbehaviour(Action<byte[], CancellationToken> read, byte[] bytes, TimeSpan? endless = null)
    {
        using var stop = new CancellationTokenSource();
        Exception? thrown = null;
        long allocated = 0;
        var thread = new Thread(() =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(bytes, stop.Token);
            }
            catch (Exception e)
            {
                thrown = e;
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }) { IsBackground = true };
        thread.Start();
        if (!thread.Join(endless ?? Endless))
        {
            stop.Cancel();
            return "loops for ever";
        }
        if (thrown is not null) return $"throws {thrown}";
        return allocated > AllocationsAnyway + AllocationsPerByte * bytes.Length ? $"allocates {allocated:n0} bytes for {bytes.Length:n0}" : null;
    }

    private static void ReadEverything(byte[] bytes)
    {
        if (!ModuleFile.Read(bytes, _ => null).Try(out var file, out _)) return;
        foreach (var entry in file.Unwind.Entries)
        {
            // Hostile tables may let all entries share one long stretch of rules: the rows of each are bounded, not those of all.
            foreach (var _ in entry.Rows().Take(100)) { }
            file.Imports.TryGetStub(entry.Range.Start, out _);
        }
        foreach (var function in file.Functions) file.Image.IsNeverWritten(function.Range);
        _ = file.Handling;
        _ = file.Exports.Count;
    }

    private List<(byte[] Bytes, List<(int, int)> Tables)> Seeds()
    {
        byte[][] files =
        [
            programs.CompileToBytes("split.c", "-O2", "-Wl,--build-id"), programs.CompileToBytes("split.c", "-O2", "-no-pie", "-s"),
            programs.CompileToBytes("throws.cc", "-O2"), SmallPrograms.WithoutSectionHeaders(programs.CompileToBytes("throws.cc", "-O2", "-s")),
            SmallPrograms.WithoutSectionHeaders(programs.CompileToBytes("cleanup.c", "-O2", "-fexceptions", "-Wl,--hash-style=sysv")),
            File.ReadAllBytes("/usr/lib/x86_64-linux-gnu/libBrokenLocale.so.1"),
        ];
        return [.. files.Select(f => (f, TablesOf(f)))];
    }

    private static List<(int Start, int Length)> TablesOf(byte[] bytes)
    {
        var image = ElfImage.Read(bytes).Value;
        var tables = new List<(int, int)> { (64, image.Segments.Length * 56) };
        if (image.Sections.Length > 0) tables.Add(((int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(40)), image.Sections.Length * 64));
        tables.AddRange(image.Segments.Where(s => s.Kind is SegmentKind.Dynamic or SegmentKind.Note or SegmentKind.UnwindHeader)
            .Select(s => ((int)s.FileOffset, (int)s.FileBytes)));
        var header = image.Segments.First(s => s.Kind == SegmentKind.UnwindHeader);
        tables.Add(((int)(header.FileOffset + header.FileBytes), 400));
        return tables;
    }

    /// <summary>Readers with the bugs that hostile files look for; they exist to show that the fuzzer finds such.</summary>
    private static class UncheckedReader
    {
        public static void IndexesByTheHeader(byte[] bytes, CancellationToken stop)
        {
            if (bytes.Length < 64) return;
            var at = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(32));
            for (var i = 0; i < BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(56)); i++) _ = BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + i * 56));
        }

        public static void AllocatesByTheHeader(byte[] bytes, CancellationToken stop)
        {
            if (bytes.Length < 64) return;
            var count = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(60));
            var size = BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(58));
            _ = new byte[count * (long)size % 0x7fff0000].Length;
        }

        public static void StandsStillAtLengthZero(byte[] bytes, CancellationToken stop)
        {
            if (bytes.Length < 64) return;
            var end = Math.Min(bytes.Length, 64 + 56 * BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(56)));
            for (var at = 64; at + 56 <= end && !stop.IsCancellationRequested;)
            {
                // A program header ends in its alignment; the planted bug takes a zero one for "no header here" and forgets to go on.
                at += BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at + 48)) == 0 ? 0 : 56;
            }
        }
    }
}
