using System.Collections.Immutable;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>Where a function's boundaries came from, most trusted first.</summary>
public enum FunctionOrigin
{
    SymbolTable,
    DebugFile,
    DynamicSymbols,
    UnwindTable,
}

/// <summary>
/// A function of a loaded module at its live address. Size is in bytes and excludes padding. Names is empty for stripped functions, whose stable
/// name is then "module+0xRVA" (RVA: live address less load bias). Unwind facts come from .eh_frame.
/// </summary>
public sealed record Function(ModuleImage Module, Address Start, ulong Size, ImmutableArray<string> Names, FunctionOrigin Origin)
{
    public AddressRange Range => new(Start, Size);

    public ulong Rva => (Start - Module.LoadBias) is var d ? unchecked((ulong)d) : 0;

    /// <summary>"module+0xRVA": the same in every run of the same file.</summary>
    public string StableName => $"{Module.Name}+0x{Rva:x}";

    /// <summary>The first symbol, or the stable name.</summary>
    public string DisplayName => Names.IsDefaultOrEmpty ? StableName : Names[0];

    /// <summary>A place of it, "NAME+0xOFFSET"; in a part that is split off and lies before it, "NAME-0xOFFSET".</summary>
    public string NameOf(Address at) => at < Start ? $"{DisplayName}-0x{Start - at:x}" : $"{DisplayName}+0x{at - Start:x}";

    /// <summary>It has a language-specific data area: a C++ frame with landing pads or cleanups.</summary>
    public bool HasLandingPads { get; init; }

    /// <summary>Its first unwind row is not the one of a function entry (CFA = rsp+8): a split-off part such as ".cold".</summary>
    public bool IsFragment { get; init; }

    public override string ToString() => DisplayName;
}
