namespace KernOpt.Target;

public static partial class Reasons
{
    public static readonly Reason NotElf = new(1001, nameof(NotElf), "The file does not start with the ELF magic: it is no program or library.");

    public static readonly Reason UnsupportedElf = new(1002, nameof(UnsupportedElf),
        "The file is ELF for another machine, word size or byte order: only 64-bit little-endian x86-64 is supported.");

    public static readonly Reason NotLinked = new(1003, nameof(NotLinked),
        "The ELF file is an object file or a core dump: only linked programs and libraries have loadable code.");

    public static readonly Reason ProgramHeadersCorrupt = new(1010, nameof(ProgramHeadersCorrupt),
        "Program headers lie outside the file or contradict themselves; those that could be read were used.");

    public static readonly Reason SectionHeadersCorrupt = new(1011, nameof(SectionHeadersCorrupt),
        "Section headers lie outside the file or contradict themselves; the program headers are used instead.");

    public static readonly Reason DynamicCorrupt = new(1012, nameof(DynamicCorrupt), "The dynamic section names tables that lie outside the file.");

    public static readonly Reason NoteCorrupt = new(1013, nameof(NoteCorrupt), "A note runs past the end of its segment; the notes before it were used.");

    public static readonly Reason SymbolTableCorrupt = new(1014, nameof(SymbolTableCorrupt),
        "A symbol table is truncated or lies outside the file; the symbols that could be read were used.");

    public static readonly Reason SymbolNameCorrupt = new(1015, nameof(SymbolNameCorrupt),
        "Symbol names lie outside the string table, are not terminated, or overlap beyond reason; such symbols have no name.");

    public static readonly Reason RelocationsCorrupt = new(1016, nameof(RelocationsCorrupt),
        "A relocation table is truncated, lies outside the file, or names symbols that do not exist.");

    public static readonly Reason UnwindTableMissing = new(1020, nameof(UnwindTableMissing),
        "The file has no .eh_frame: functions are known by symbols only, and stripped ones not at all.");

    public static readonly Reason UnwindHeaderCorrupt = new(1021, nameof(UnwindHeaderCorrupt),
        ".eh_frame_hdr is truncated or of an unknown version or encoding; .eh_frame is walked in order instead.");

    public static readonly Reason UnwindEntryCorrupt = new(1022, nameof(UnwindEntryCorrupt),
        "An entry of .eh_frame is truncated or contradicts itself; it is left out.");

    public static readonly Reason UnwindEncodingUnknown = new(1023, nameof(UnwindEncodingUnknown),
        "An entry of .eh_frame has a version, augmentation or pointer encoding that is not known; it is left out.");

    public static readonly Reason UnwindRulesCorrupt = new(1024, nameof(UnwindRulesCorrupt),
        "Call frame instructions are truncated, unknown or endless; the function counts as a fragment and is not changed.");

    public static readonly Reason UnwindEntriesOverlap = new(1025, nameof(UnwindEntriesOverlap),
        "Two entries of .eh_frame cover the same code; the one that starts first is used.");

    public static readonly Reason ModuleUnreadable = new(1030, nameof(ModuleUnreadable),
        "The file of a loaded module cannot be read, so that nothing is known of its functions.");

    public static readonly Reason ModuleNotFound = new(1031, nameof(ModuleNotFound),
        "No loaded module has this name; `inspect` lists the modules.");

    public static readonly Reason FunctionNotFound = new(1032, nameof(FunctionNotFound),
        "No loaded module has a function of this name or at this address; stripped functions are called module+0xRVA.");

    public static readonly Reason FunctionAmbiguous = new(1033, nameof(FunctionAmbiguous),
        "Several functions have this name; use module!symbol or module+0xRVA.");

    public static readonly Reason NotFunctionStart = new(1034, nameof(NotFunctionStart),
        "The address or name lies inside a function, not at its start; name the function that holds it.");

    public static readonly Reason FunctionSizeUnknown = new(1035, nameof(FunctionSizeUnknown),
        "The symbol has no size and no unwind entry: where the function ends is not known.");

    public static readonly Reason FunctionNameMalformed = new(1036, nameof(FunctionNameMalformed),
        "A function is named symbol, module!symbol or module+0xRVA.");

    public static readonly Reason NoModules = new(1037, nameof(NoModules), "The target has no module whose code could be read.");

    public static readonly Reason FunctionIsIndirect = new(1038, nameof(FunctionIsIndirect),
        "The name belongs to several implementations, one of which the loader chooses (IFUNC); name the implementation, or name.resolver for the chooser.");

    public static readonly Reason LineTableCorrupt = new(1050, nameof(LineTableCorrupt),
        "A unit of .debug_line is truncated, contradicts itself, or is of a version or form that is not known; its lines are left out.");
}
