using KernOpt.Code.Images;
using KernOpt.Kernel.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Kernel;

/// <summary>What the kernel says of itself in /proc and /sys, read into a module like any other.</summary>
public sealed class KernelImageTests
{
    private const ulong Text = 0xffff_ffff_8100_0000;

    private static readonly AddressRange Core = new(new(Text), 0x100), Other = new(new(0xffff_ffff_c052_a000), 0x80);

    private static readonly string[] Lines =
    [
        "0000000000000000 A fixed_percpu_data",
        "ffffffff81000000 T _stext",
        "ffffffff81000000 T first",
        "ffffffff81000040 t second",
        "ffffffff81000044 d in_text_but_data",
        "ffffffff81000060 W third",
        "ffffffff82000000 D data",
        "ffffffffc052a010 t of_module\t[module]",
        "what is this",
    ];

    [Fact]
    public void Symbols_ReachToTheNextOne()
    {
        var found = KernelSymbols.Of(Lines, [Core, Other]);
        Assert.Equal([new("_stext", new(Text), 0x40, true), new("first", new(Text), 0x40, true), new("second", new(Text + 0x40), 0x20, false), new("third", new(Text + 0x60), 0xa0, true)], found[0]);
        Assert.Equal([new("of_module", Other.Start + 0x10, 0x70, false)], found[1]);
    }

    /// <summary>Where the kernel hides its addresses they are all 0.</summary>
    [Fact]
    public void HiddenAddresses_MakeNoSymbols() => Assert.Empty(KernelSymbols.Of(["0000000000000000 T _stext", "0000000000000000 T first"], [Core])[0]);

    [Fact]
    public void Symbols_AreFoundByName_WhateverTheyAre() =>
        Assert.Equal(new Dictionary<string, Address> { ["data"] = new(0xffff_ffff_8200_0000), ["third"] = new(Text + 0x60) }, KernelSymbols.Named(Lines, new HashSet<string> { "data", "third", "none" }));

    [Fact]
    public void ElfFile_IsReadLikeAnyOther()
    {
        var text = Enumerable.Range(0, 0x100).Select(i => (byte)i).ToArray();
        var file = ModuleFile.Read(KernelElf.Write(text, [.. KernelSymbols.Of(Lines, [Core])[0].Select(s => (s.Name, s.Start.Value - Text, s.Size, s.IsGlobal))]), _ => null).Value;
        Assert.Equal(Reasons.UnwindTableMissing, Assert.Single(file.Findings).Reason);
        Assert.Equal([("first", 0x40UL), ("second", 0x20UL), ("third", 0xa0UL)], file.Functions.Select(f => (f.Names.Contains("first") ? "first" : f.Names[0], f.Range.Length)));
        Assert.Equal(KernelElf.TextAt, file.Functions[0].Range.Start.Value);
        Assert.Equal(text, KernelElf.Write(text, []).AsSpan((int)KernelElf.TextAt, text.Length).ToArray());
    }

    [Fact]
    public void Table_LeavesOutWhatLiesElsewhere()
    {
        var table = new byte[48];
        foreach (var (entry, instruction) in new[] { (0, Text + 0x10), (1, Text + 0x1000), (2, Text + 0x20) })
            BitConverter.TryWriteBytes(table.AsSpan(entry * 16), (int)(instruction - (Text + 0x5000 + ((ulong)entry * 16))));
        var at = new Address(Text + 0x5000);
        Assert.Equal([new Address(Text + 0x10), new Address(Text + 0x20)], KernelTables.Instructions(table, at, 16, Core));
        Assert.Empty(KernelTables.Instructions(table.AsMemory(0, 15), at, 16, Core));
    }

    [Fact]
    public void Modules_HaveTextAndTablesUpToTheNextSection()
    {
        var folder = Directory.CreateTempSubdirectory("kernopt-modules-").FullName;
        try
        {
            var proc = Path.Combine(folder, "modules");
            File.WriteAllLines(proc, ["one 16384 0 - Live 0xffffffffc0000000 (OE)", "going 16384 0 - Unloading 0xffffffffc0100000", "bare 4096 1 one, Live 0xffffffffc0200000", "hidden 4096 0 - Live 0x0000000000000000"]);
            var sections = Directory.CreateDirectory(Path.Combine(folder, "one", "sections")).FullName;
            foreach (var (name, at) in new[] { (".text", "0xffffffffc0000000"), (".text.unlikely", "0xffffffffc0000100"), ("__jump_table", "0xffffffffc0001000"), (".data", "0xffffffffc0001040"), (".init.text", "0xffffffffc9000000") })
                File.WriteAllText(Path.Combine(sections, name), at + "\n");
            var module = Assert.Single(KernelModules.Read(proc, folder));
            Assert.Equal(("one", new AddressRange(new(0xffff_ffff_c000_0000), 0x100)), (module.Name, module.Text));
            var (kind, range) = Assert.Single(module.Tables);
            Assert.Equal(("__jump_table", new AddressRange(new(0xffff_ffff_c000_1000), 0x40)), (kind.Section, range));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void ReservedText_IsWhatOverlapsIt()
    {
        var text = new ReservedText([Range(0x40, 0x45), Range(0x10, 0x15), Range(0x12, 0x20), Range(0x60, 0x61)]);
        Assert.All([Range(0x10, 0x11), Range(0x1f, 0x30), Range(0x0f, 0x11), Range(0x30, 0x41), Range(0x0, 0x100), Range(0x60, 0x64)], r => Assert.True(text.Overlaps(r), $"{r}"));
        Assert.All([Range(0x0, 0x10), Range(0x20, 0x40), Range(0x45, 0x60), Range(0x61, 0x70)], r => Assert.False(text.Overlaps(r), $"{r}"));
        Assert.False(new ReservedText([]).Overlaps(Range(0, 0x100)));
    }

    [Fact]
    public void NopsThatFtraceOwns_AreThoseThatFunctionsBeginWith()
    {
        byte[] nop = [0x0f, 0x1f, 0x44, 0, 0], text = [.. nop, 0xc3, .. (byte[])[0xf3, 0x0f, 0x1e, 0xfa], .. nop, 0xc3, 0x90, .. nop, 0xc3];
        Assert.Equal([Range(0, 5), Range(10, 15)], ReservedText.EntryNops(text, Address.Zero, [new(0), new(6), new(16)]));
    }

    private static AddressRange Range(ulong start, ulong end) => AddressRange.Between(new(start), new(end));
}
