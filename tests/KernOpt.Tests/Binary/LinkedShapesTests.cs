using KernOpt.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;
using Xunit;

namespace KernOpt.Tests.Binary;

/// <summary>Every way in which a program may be linked and stripped gives the same functions.</summary>
public sealed class LinkedShapesTests : IDisposable
{
    private readonly SmallPrograms programs = new();

    public static TheoryData<string> Binaries => RealBinaries.All;

    public void Dispose() => programs.Dispose();

    [Theory]
    [InlineData("-pie", "-fPIE")]
    [InlineData("-no-pie", "-fno-pie")]
    [InlineData("-static-pie", "-fPIE")]
    [InlineData("-pie", "-fcf-protection=none")]
    [InlineData("-Wl,-z,lazy", "-Wl,-z,ibtplt")]
    [InlineData("-Wl,-z,pack-relative-relocs", "-fPIE")]
    [InlineData("-fno-plt", "-Wl,--hash-style=sysv")]
    public void A_stripped_program_has_the_functions_of_the_one_with_symbols(params string[] options)
    {
        var whole = programs.Compile("split.c", ["-O2", "-Wl,--build-id", .. options]);
        var stripped = whole + ".stripped";
        RealBinaries.Run("strip", "-o", stripped, whole);
        var named = Read(File.ReadAllBytes(whole));
        var bare = Read(File.ReadAllBytes(stripped));
        var sectionless = Read(SmallPrograms.WithoutSectionHeaders(File.ReadAllBytes(stripped)));

        Assert.Equal(["leaf", "main", "work", "work.cold"], OwnNames(named));
        var ranges = named.Functions.Where(f => named.Unwind.EntryAt(f.Range.Start) is not null).Select(f => f.Range).ToList();
        Assert.Equal(ranges, bare.Functions.Select(f => f.Range));
        Assert.Equal(ranges, sectionless.Functions.Select(f => f.Range));
        Assert.True(named.Functions.Single(f => f.Names.Contains("work.cold")).IsFragment);
        Assert.All(["work", "leaf", "main"], name => Assert.False(named.Functions.Single(f => f.Names.Contains(name)).IsFragment));
        Assert.Equal(named.Image.BuildId, sectionless.Image.BuildId);
        Assert.NotEmpty(named.Image.BuildId);
        Assert.Empty(sectionless.Findings);
    }

    [Fact]
    public void A_static_program_at_fixed_addresses_needs_its_section_headers_and_says_so()
    {
        var bytes = programs.CompileToBytes("split.c", "-O2", "-static", "-no-pie", "-s");
        Assert.NotEmpty(Read(bytes).Functions);
        // The linker gives such programs no PT_GNU_EH_FRAME.
        Assert.Contains(Read(SmallPrograms.WithoutSectionHeaders(bytes)).Findings, f => f.Reason == Reasons.UnwindTableMissing);
    }

    [Theory]
    [MemberData(nameof(Binaries))]
    public void Without_section_headers_nothing_but_static_symbols_is_lost(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var whole = ElfImage.Read(bytes).Value;
        var sectionless = ElfImage.Read(SmallPrograms.WithoutSectionHeaders(bytes)).Value;
        Assert.Empty(sectionless.Sections);
        Assert.Equal(whole.BuildId, sectionless.BuildId);
        Assert.Equal(whole.Needed, sectionless.Needed);
        var symbols = SymbolTable.ReadDynamic(sectionless);
        Assert.Equal(SymbolTable.ReadDynamic(whole).Symbols, symbols.Symbols);
        Assert.Equal(EhFrame.Read(whole).Entries.Select(e => (e.Range, e.Lsda, e.IsEnteredByCall)), EhFrame.Read(sectionless).Entries.Select(e => (e.Range, e.Lsda, e.IsEnteredByCall)));
        Assert.Equal(Read(bytes).Functions.Where(f => f.Origin != FunctionOrigin.SymbolTable).Select(f => f.Range),
            Read(SmallPrograms.WithoutSectionHeaders(bytes)).Functions.Where(f => f.Origin != FunctionOrigin.SymbolTable).Select(f => f.Range));
    }

    [Fact]
    public void A_function_that_cleans_up_or_catches_has_landing_pads_and_the_personality_tells_which()
    {
        var throwing = Read(programs.CompileToBytes("throws.cc", "-O2"));
        Assert.Equal(UnwindHandling.Catches, throwing.Handling);
        Assert.True(throwing.Functions.Single(f => f.Names.Contains("_Z6caughti")).HasLandingPads);
        Assert.True(throwing.Functions.Single(f => f.Names.Contains("_Z5depthi")).HasLandingPads);

        var cleaning = Read(programs.CompileToBytes("cleanup.c", "-O2", "-fexceptions"));
        Assert.Equal(UnwindHandling.CleansUp, cleaning.Handling);
        Assert.True(cleaning.Functions.Single(f => f.Names.Contains("holds")).HasLandingPads);

        Assert.Equal(UnwindHandling.None, Read(programs.CompileToBytes("split.c", "-O2")).Handling);
        Assert.Equal(UnwindHandling.CleansUp, Read(programs.CompileToBytes("cleanup.c", "-O2", "-fexceptions", "-static", "-s")).Handling);
        Assert.Equal(UnwindHandling.Catches, Read(programs.CompileToBytes("throws.cc", "-O2", "-static", "-s")).Handling);
    }

    [Fact]
    public void A_separate_debug_file_names_the_functions_of_a_stripped_program()
    {
        var whole = programs.Compile("split.c", "-O2", "-g", "-Wl,--build-id");
        var (debug, stripped) = (whole + ".debug", whole + ".stripped");
        RealBinaries.Run("objcopy", "--only-keep-debug", whole, debug);
        RealBinaries.Run("strip", "-o", stripped, whole);
        byte[]? asked = null;
        var file = ModuleFile.Read(File.ReadAllBytes(stripped), id =>
        {
            asked = id;
            return File.ReadAllBytes(debug);
        }).Value;
        Assert.Equal(file.Image.BuildId, Convert.ToHexStringLower(asked!));
        Assert.Equal(FunctionOrigin.DebugFile, file.Functions.Single(f => f.Names.Contains("work")).Origin);

        var other = programs.CompileToBytes("split.c", "-O1", "-Wl,--build-id");
        var notUsed = ModuleFile.Read(File.ReadAllBytes(stripped), _ => other).Value;
        Assert.Empty(notUsed.AddressesOf("work"));
    }

    private static IEnumerable<string> OwnNames(ModuleFile file) =>
        file.Functions.SelectMany(f => f.Names).Where(n => n is "leaf" or "main" or "work" or "work.cold").Order(StringComparer.Ordinal);

    private static ModuleFile Read(byte[] bytes) => ModuleFile.Read(bytes, _ => null).Value;
}
