using System.Globalization;
using KernOpt.Binary;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>The rows that our interpreter computes, registers included, are those that readelf prints.</summary>
public sealed class UnwindRowTests
{
    private static readonly string[] RegisterNames =
        ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ra"];

    public static TheoryData<string> Binaries => RealBinaries.All;

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Rows_of_every_function_are_those_of_readelf(string path)
    {
        var frame = EhFrame.Read(RealBinaries.Read(path));
        FrameEntry? entry = null;
        List<UnwindRow?> rows = [];
        string[] columns = [];
        int printed = 0, compared = 0;
        foreach (var line in RealBinaries.Lines("readelf", "--debug-dump=frames-interp", "-wN", path))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (line.Contains(" FDE "))
            {
                entry = frame.EntryAt(new FileAddress(Hex(words[^1][3..].Split("..")[0])));
                Assert.NotNull(entry);
                rows = [.. entry.Rows()];
                printed = 0;
            }
            else if (line.Contains(" CIE ")) entry = null;
            else if (words is ["LOC", "CFA", ..]) columns = words[2..];
            else if (entry is not null && words.Length > 2 && words[0].Length == 16)
            {
                Assert.True(printed < rows.Count, $"{entry.Range}: {line}");
                Assert.Equal(WithoutNumbers(words), Describe(entry, rows[printed++]!, columns));
                compared++;
            }
            else if (entry is not null && printed > 0)
            {
                Assert.Equal(rows.Count, printed);
                entry = null;
            }
        }
        Assert.True(compared > 50, $"{compared} rows");
    }

    [Fact]
    public void The_row_at_an_address_is_the_last_one_that_started()
    {
        var entry = EhFrame.Read(RealBinaries.Read("/usr/bin/bash")).Entries.First(e => e.Rows().Count() > 3);
        var rows = entry.Rows().ToList();
        Assert.Equal(rows[0], entry.RowAt(entry.Range.Start), (a, b) => a!.Start == b!.Start && a.Cfa == b.Cfa);
        Assert.Equal(rows[2]!.Start, entry.RowAt(entry.Range.Start + (rows[3]!.Start - 1))!.Start);
        Assert.Equal(rows[^1]!.Start, entry.RowAt(entry.Range.Start + (entry.Range.Length - 1))!.Start);
        Assert.Null(entry.RowAt(entry.Range.End));
    }

    /// <summary>A register that holds another one is printed as "r1 (rdx)"; the name stays.</summary>
    private static IEnumerable<string> WithoutNumbers(string[] words) =>
        words.Where((_, i) => i + 1 == words.Length || words[i + 1][0] != '(').Select(w => w.Trim('(', ')'));

    private static List<string> Describe(FrameEntry entry, UnwindRow row, string[] columns)
    {
        var cells = new List<string> { $"{(entry.Range.Start + row.Start).Value:x16}", row.Cfa.IsExpression ? "exp" : $"{RegisterNames[row.Cfa.Register]}{row.Cfa.Offset:+0;-0;+0}" };
        foreach (var column in columns)
        {
            var rule = row.Registers[Array.IndexOf(RegisterNames, column)];
            cells.Add(rule.Kind switch
            {
                RegisterRuleKind.SameValue => "s",
                RegisterRuleKind.AtOffset => $"c{rule.Offset:+0;-0;+0}",
                RegisterRuleKind.IsOffset => $"v{rule.Offset:+0;-0;+0}",
                RegisterRuleKind.InRegister => RegisterNames[rule.Offset],
                RegisterRuleKind.Expression => "exp",
                RegisterRuleKind.ValueExpression => "vexp",
                _ => "u",
            });
        }
        return cells;
    }

    private static ulong Hex(string digits) => ulong.Parse(digits, NumberStyles.HexNumber);
}
