using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>Every program and library of the machine is read without an exception. KERNOPT_SWEEP=all reads all of them, otherwise a sample.</summary>
public sealed class SweepTests(ITestOutputHelper output)
{
    private const int Sample = 60;
    private const long LargestFile = 64 << 20;

    [Fact]
    public void Every_installed_binary_is_read_or_refused_with_a_number()
    {
        var all = Folder("/usr/bin").Concat(Folder("/usr/sbin")).Concat(Folder("/usr/lib/x86_64-linux-gnu")).ToList();
        var isWhole = Environment.GetEnvironmentVariable("KERNOPT_SWEEP") == "all";
        var chosen = isWhole ? all : all.Where((_, i) => i % Math.Max(1, all.Count / Sample) == 0).ToList();
        int read = 0, refused = 0, functions = 0;
        var findings = new List<string>();
        foreach (var path in chosen)
        {
            var outcome = ModuleFile.Read(File.ReadAllBytes(path), _ => null);
            if (!outcome.Try(out var file, out var why))
            {
                refused++;
                Assert.InRange(why.Reason.Number, 1001, 1003);
                continue;
            }
            read++;
            functions += file.Functions.Length;
            AssertAscending(path, file);
            findings.AddRange(file.Findings.Select(f => $"{path}: {f}"));
        }
        output.WriteLine($"{read} read, {refused} refused, {functions:n0} functions, {findings.Count} findings");
        foreach (var finding in findings) output.WriteLine(finding);
        Assert.True(read >= Math.Min(20, chosen.Count / 2), $"only {read} of {chosen.Count} were ELF");
        // Debian's own files are in order: a finding is ours to explain.
        Assert.DoesNotContain(findings, f => !f.Contains(Reasons.UnwindTableMissing.Name));
    }

    private static void AssertAscending(string path, ModuleFile file)
    {
        for (var i = 1; i < file.Functions.Length; i++)
        {
            Assert.True(file.Functions[i - 1].Range.End <= file.Functions[i].Range.Start, $"{path}: {file.Functions[i - 1]} and {file.Functions[i]}");
        }
    }

    private static IEnumerable<string> Folder(string folder) =>
        Directory.EnumerateFiles(folder).Where(f => new FileInfo(f) is { LinkTarget: null, Length: > 64 and < LargestFile } && StartsAsElf(f)).Order(StringComparer.Ordinal);

    private static bool StartsAsElf(string path)
    {
        Span<byte> start = stackalloc byte[4];
        using var file = File.OpenHandle(path);
        return RandomAccess.Read(file, start, 0) == 4 && start.SequenceEqual("\u007fELF"u8);
    }
}
