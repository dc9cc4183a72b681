using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>The low four bits of st_info; values that are not named here are kept.</summary>
public enum SymbolKind : byte
{
    None = 0,
    Object = 1,
    Function = 2,
    Section = 3,
    File = 4,
    ThreadLocal = 6,
    /// <summary>STT_GNU_IFUNC: the value is a resolver that answers the function's address.</summary>
    IndirectFunction = 10,
}

/// <summary>The high four bits of st_info; values that are not named here are kept.</summary>
public enum SymbolBinding : byte
{
    Local = 0,
    Global = 1,
    Weak = 2,
    Unique = 10,
}

/// <summary>
/// A symbol as the file has it. Version is "" for the default version and for none; it is the version's name where the symbol is an older
/// version that is kept for old programs (memcpy@GLIBC_2.2.5). Size is in bytes.
/// </summary>
public readonly record struct Symbol(string Name, string Version, SymbolKind Kind, SymbolBinding Binding, bool IsDefined, FileAddress Value, ulong Size)
{
    public bool IsCode => IsDefined && Name.Length > 0 && Kind is SymbolKind.Function or SymbolKind.IndirectFunction;
}

/// <summary>The symbols of one table, in the file's order, entry 0 included.</summary>
public sealed record SymbolTable(ImmutableArray<Symbol> Symbols, ImmutableArray<Finding> Findings)
{
    private const ushort Undefined = 0;
    private const ushort HiddenVersion = 0x8000;

    /// <summary>.symtab; empty in a stripped file.</summary>
    public static SymbolTable ReadStatic(ElfImage image)
    {
        var findings = new Findings();
        if (image.Sections.FirstOrDefault(s => s.Type == ElfFormat.SectionSymbols) is not { } section) return new SymbolTable([], []);
        return Read(image.ViewOf(section), StringsOf(image, section), VersionNames.None, findings);
    }

    /// <summary>.dynsym, found as the loader finds it; its length comes from the section header, else from the hash table.</summary>
    public static SymbolTable ReadDynamic(ElfImage image)
    {
        var findings = new Findings();
        if (!image.Dynamic.TryGet(ElfFormat.DynamicSymbols, out var start)) return new SymbolTable([], []);
        var section = image.Sections.FirstOrDefault(s => s.Type == ElfFormat.SectionDynamicSymbols && s.Range.Start.Value == start);
        var count = section is null ? SymbolHash.CountSymbols(image, findings) : section.Range.Length / ElfFormat.SymbolSize;
        var available = image.ViewAt(new FileAddress(start));
        if (count > available.Length / ElfFormat.SymbolSize)
        {
            findings.Add(Reasons.SymbolTableCorrupt, $"{count:n0} dynamic symbols do not fit at 0x{start:x}");
            count = available.Length / ElfFormat.SymbolSize;
        }
        return Read(available.Slice(0, count * ElfFormat.SymbolSize), image.Dynamic.Strings, VersionNames.Read(image, findings), findings);
    }

    private static ByteView StringsOf(ElfImage image, Section symbols) =>
        symbols.Link < (uint)image.Sections.Length ? image.ViewOf(image.Sections[(int)symbols.Link]) : default;

    private static SymbolTable Read(ByteView table, ByteView strings, VersionNames versions, Findings findings)
    {
        if (table.Length % ElfFormat.SymbolSize != 0) findings.Add(Reasons.SymbolTableCorrupt, $"{table.Length:n0} bytes are no whole number of symbols");
        var names = new NameReader(strings, findings);
        var symbols = ImmutableArray.CreateBuilder<Symbol>((int)(table.Length / ElfFormat.SymbolSize));
        for (ulong at = 0; at + ElfFormat.SymbolSize <= table.Length; at += ElfFormat.SymbolSize)
        {
            table.TryByte(at + 4, out var info);
            table.TryUInt16(at + 6, out var section);
            var version = versions.Of(at / ElfFormat.SymbolSize);
            symbols.Add(new Symbol(names.At(table.UInt32(at)), (version & HiddenVersion) != 0 ? versions.NameOf(version) : "",
                (SymbolKind)(info & 15), (SymbolBinding)(info >> 4), section != Undefined, new FileAddress(table.UInt64(at + 8)), table.UInt64(at + 16)));
        }
        return new SymbolTable(symbols.ToImmutable(), findings.Close());
    }
}
