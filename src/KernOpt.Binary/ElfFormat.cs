namespace KernOpt.Binary;

/// <summary>Sizes and numbers of the format: System V ABI, "Object Files" and "Program Loading and Dynamic Linking"; x86-64 psABI, 4 and 5.</summary>
internal static class ElfFormat
{
    public const int HeaderSize = 64;
    public const int ProgramHeaderSize = 56;
    public const int SectionHeaderSize = 64;
    public const int SymbolSize = 24;
    public const int RelocationSize = 24;
    public const int DynamicEntrySize = 16;

    public const byte Class64 = 2;
    public const byte LittleEndian = 1;
    public const ushort MachineX64 = 62;

    public const uint SectionSymbols = 2;
    public const uint SectionNoBits = 8;
    public const uint SectionDynamicSymbols = 11;

    public const ulong SectionCompressed = 0x800;
    public const int CompressionHeaderSize = 24;
    public const uint CompressedByZlib = 1;

    public const ulong DynamicNeeded = 1;
    public const ulong DynamicPltRelocationBytes = 2;
    public const ulong DynamicHash = 4;
    public const ulong DynamicStrings = 5;
    public const ulong DynamicSymbols = 6;
    public const ulong DynamicRelocations = 7;
    public const ulong DynamicRelocationBytes = 8;
    public const ulong DynamicStringBytes = 10;
    public const ulong DynamicSoName = 14;
    public const ulong DynamicTextRelocations = 22;
    public const ulong DynamicPltRelocations = 23;
    public const ulong DynamicFlags = 30;
    public const ulong DynamicGnuHash = 0x6ffffef5;
    public const ulong DynamicVersions = 0x6ffffff0;
    public const ulong DynamicVersionDefinitions = 0x6ffffffc;
    public const ulong DynamicVersionDefinitionCount = 0x6ffffffd;
    public const ulong FlagTextRelocations = 4;

    public const uint Relocation64 = 1;
    public const uint RelocationGlobalData = 6;
    public const uint RelocationJumpSlot = 7;

    public const uint NoteBuildId = 3;
}
