namespace KernOpt.Live.Regions;

/// <summary>
/// Where everything lies in a region, in bytes from its start: format version 4, written down for people in docs/region-format.md. The offsets are
/// constants, so that the undo log can be found even when the header has been overwritten. All words are little-endian and aligned to 8.
/// </summary>
internal static class RegionFormat
{
    public const ulong Magic = 0x31_54_50_4F_4E_52_45_4B; // "KERNOPT1"
    public const ulong Version = 4;

    public const ulong HeaderBytes = 0x1000;

    public const ulong UndoLog = HeaderBytes;
    public const int UndoRecordBytes = 64;
    public const int UndoRecords = 32768;

    /// <summary>Both tables end, for a reader, at the first chunk that has never been written: freed records keep their bodies.</summary>
    public const int UndoRecordsPerChunk = 64;
    public const int EntriesPerChunk = 32;

    public const ulong Entries = UndoLog + (ulong)UndoRecordBytes * UndoRecords;
    public const int EntryBytes = 384;
    public const int EntryCount = 8192;

    /// <summary>From here to the end of the data part: switch slots, counters, rings.</summary>
    public const ulong DataHeap = Entries + (ulong)EntryBytes * EntryCount;

    public const ulong DefaultDataBytes = 10UL << 20;
    public const ulong DefaultCodeBytes = 12UL << 20;

    /// <summary>Offsets of the header's words.</summary>
    internal static class Header
    {
        public const ulong Magic = 0;
        public const ulong Version = 8;
        public const ulong Base = 16;
        public const ulong TotalBytes = 24;
        public const ulong DataBytes = 32;
        public const ulong Owner = 40;
        public const ulong Created = 56;

        /// <summary>The highest number that was given to anything here.</summary>
        public const ulong LastId = 64;

        /// <summary>UTF-8 text of up to 64 bytes: the build that formatted the region.</summary>
        public const ulong Build = 128;
        public const int BuildBytes = 64;
    }

    /// <summary>Offsets inside an undo record.</summary>
    internal static class Undo
    {
        public const int State = 0;
        public const int Address = 8;
        public const int Original = 16;
        public const int Patched = 32;
        public const int Module = 48;
        public const int Owner = 56;
        public const int LongestText = 16;
    }

    /// <summary>Offsets inside an entry.</summary>
    internal static class EntryField
    {
        public const int State = 0;
        public const int Id = 8;
        public const int Parent = 16;
        public const int CodeOffset = 24;
        public const int CodeLength = 32;
        public const int DataOffset = 40;
        public const int DataLength = 48;
        public const int Site = 56;
        public const int FunctionStart = 64;
        public const int FunctionSize = 72;
        public const int Plain = 80;
        public const int Counted = 88;
        public const int FullPlain = 96;
        public const int FullCounted = 104;
        public const int Created = 112;
        public const int Facts = 120;
        public const int More = 128;
        public const int Stones = 136;
        public const int Name = 144;
        public const int NameBytes = 112;
        public const int Text = 256;
        public const int TextBytes = 128;
    }
}
