using System.Diagnostics;
using KernOpt.Binary;
using KernOpt.Binary.Lines;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>Lines of addresses, held against addr2line's.</summary>
public sealed class LineTableTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("kernopt-lines-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [InlineData("-gdwarf-5", "-O0")]
    [InlineData("-gdwarf-5", "-O2")]
    [InlineData("-gdwarf-4", "-O2")]
    [InlineData("-gdwarf-3", "-O1")]
    [InlineData("-gdwarf-5", "-gz=zlib")]
    public void EveryByteOfText_HasTheLineThatAddr2lineSays(string version, string more)
    {
        var (image, program) = Compile(version, more);
        var table = LineTable.Read(image);
        Assert.Empty(table.Findings);
        Assert.Contains(table.Files, f => f.EndsWith("/covered.c", StringComparison.Ordinal));
        Assert.True(table.Rows.Length > 60, $"{table.Rows.Length} rows");
        var text = image.SectionNamed(".text")!.Range;
        var addresses = Enumerable.Range(0, (int)text.Length).Select(i => text.Start + (ulong)i).ToList();
        var theirs = Addr2line(program, addresses);
        var ours = addresses.ConvertAll(a => table.At(a) is { } row ? $"{Path.GetFileName(table.Files[row.File])}:{row.Line}" : "??:0");
        // Where the compiler has given an address to line 0, addr2line says "?".
        var different = addresses.Zip(ours, theirs).Where(t => t.Second != t.Third).Select(t => $"{t.First}: {t.Second}, addr2line {t.Third}").ToList();
        Assert.True(different.Count == 0, string.Join('\n', different.Take(10)));
    }

    [Fact]
    public void AFileWithoutLines_HasNone()
    {
        var (image, _) = Compile("-g0", "-O1");
        // The C library's start files may bring their own.
        Assert.DoesNotContain(LineTable.Read(image).Files, f => f.EndsWith("covered.c", StringComparison.Ordinal));
    }

    /// <summary>Cut off at every length and with every byte turned over, in turn: something is found wrong, or lines are others; nothing is thrown.</summary>
    [Fact]
    public void DamagedTables_AreReadWithoutAnException()
    {
        var (_, program) = Compile("-gdwarf-5", "-O0");
        var bytes = File.ReadAllBytes(program);
        var section = ElfImage.Read(bytes).Value.SectionNamed(".debug_line")!;
        var isEverFound = false;
        for (var at = 0; at < (int)section.Range.Length; at++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[(int)section.FileOffset + at] ^= (byte)(1 << at % 8 | 0x80);
            isEverFound |= LineTable.Read(ElfImage.Read(damaged).Value).Findings.Length > 0;
        }
        Assert.True(isEverFound);
    }

    private (ElfImage Image, string Program) Compile(params string[] flags)
    {
        var program = Path.Combine(folder, "program");
        using var gcc = Process.Start("gcc", [.. flags, Path.Combine(Repository.Root, "tests/Targets/covered.c"), "-o", program]);
        gcc.WaitForExit();
        Assert.Equal(0, gcc.ExitCode);
        return (ElfImage.Read(File.ReadAllBytes(program)).Value, program);
    }

    private static List<string> Addr2line(string program, IReadOnlyList<FileAddress> addresses)
    {
        var start = new ProcessStartInfo("addr2line", ["-s", "-e", program]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var tool = Process.Start(start)!;
        var writing = Task.Run(() =>
        {
            foreach (var address in addresses) tool.StandardInput.WriteLine($"{address}");
            tool.StandardInput.Close();
        });
        var lines = tool.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        writing.Wait();
        return [.. lines.Select(l => l.Split(" (")[0]).Select(l => l.EndsWith('?') ? "??:0" : l)];
    }
}
