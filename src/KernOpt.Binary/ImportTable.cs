using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using KernOpt.Target;

namespace KernOpt.Binary;

/// <summary>
/// Which words of memory the loader fills with the address of which symbol (DT_RELA, DT_JMPREL), and the stubs that jump through such a word.
/// DT_RELR holds only relocations without a symbol and does not matter here.
/// </summary>
public sealed class ImportTable
{
    private const int LongestStub = 16;
    private readonly ElfImage image;
    private readonly Dictionary<FileAddress, string> slots = [];

    private ImportTable(ElfImage image) => this.image = image;

    public ImmutableArray<Finding> Findings { get; private set; } = [];

    /// <summary>Every word that is bound to a symbol by name: the symbol may be this file's own, and still be bound to another file's.</summary>
    public IReadOnlyDictionary<FileAddress, string> Slots => slots;

    public static ImportTable Read(ElfImage image, SymbolTable dynamicSymbols)
    {
        var findings = new Findings();
        var imports = new ImportTable(image);
        imports.ReadTable(ElfFormat.DynamicRelocations, ElfFormat.DynamicRelocationBytes, dynamicSymbols, findings);
        imports.ReadTable(ElfFormat.DynamicPltRelocations, ElfFormat.DynamicPltRelocationBytes, dynamicSymbols, findings);
        imports.Findings = findings.Close();
        return imports;
    }

    /// <summary>
    /// The import that a stub jumps to: <c>[endbr64] [bnd] jmp [rip+slot]</c>, whether in .plt, .plt.sec or .plt.got, and also where the compiler
    /// put the jump itself into a function (-fno-plt).
    /// </summary>
    public bool TryGetStub(FileAddress stub, [MaybeNullWhen(false)] out string name)
    {
        name = null;
        return TryGetSlot(stub, out var slot) && slots.TryGetValue(slot, out name);
    }

    private bool TryGetSlot(FileAddress stub, out FileAddress slot)
    {
        slot = default;
        if (!image.IsExecutable(stub)) return false;
        var code = image.ViewAt(stub, LongestStub);
        ulong at = 0;
        if (code.TryUInt32(0, out var first) && first == 0xfa1e0ff3) at = 4;
        if (code.TryByte(at, out var prefix) && prefix == 0xf2) at++;
        if (!code.TryUInt16(at, out var jump) || jump != 0x25ff || !code.TryUInt32(at + 2, out var displacement)) return false;
        slot = stub + (at + 6) + unchecked((ulong)(int)displacement);
        return true;
    }

    private void ReadTable(ulong tag, ulong sizeTag, SymbolTable symbols, Findings findings)
    {
        if (!image.Dynamic.TryGet(tag, out var start) || image.Dynamic.ValueOr(sizeTag, 0) is var size && size == 0) return;
        var table = image.ViewAt(new FileAddress(start), size);
        if (table.Length < size) findings.Add(Reasons.RelocationsCorrupt, $"{size:n0} bytes at 0x{start:x} lie outside the file");
        for (ulong at = 0; at + ElfFormat.RelocationSize <= table.Length; at += ElfFormat.RelocationSize)
        {
            var kind = table.UInt32(at + 8);
            if (kind is not (ElfFormat.RelocationJumpSlot or ElfFormat.RelocationGlobalData or ElfFormat.Relocation64)) continue;
            var symbol = table.UInt32(at + 12);
            if (symbol >= (uint)symbols.Symbols.Length) findings.Add(Reasons.RelocationsCorrupt, $"symbol {symbol} of {symbols.Symbols.Length}");
            else if (symbols.Symbols[(int)symbol].Name is { Length: > 0 } name) slots[new FileAddress(table.UInt64(at))] = name;
        }
    }
}
