using System.Buffers.Binary;
using System.Text;

namespace KernOpt.Kernel.Images;

/// <summary>
/// Text that runs in the kernel, written down as the linked ELF file that it has no more: one executable segment, as it is in memory, and a table of its symbols
/// (System V ABI, "Object Files"). So nothing that reads programs has to know that it is a kernel.
/// </summary>
internal static class KernelElf
{
    private const int HeaderBytes = 64, ProgramHeaderBytes = 56, SectionHeaderBytes = 64, SymbolBytes = 24, Page = 4096;
    private const int SymbolSection = 2, StringSection = 3;
    private const byte Function = 2, Global = 1 << 4;

    /// <summary>The segment's own address in the file: the first page is left to the headers.</summary>
    public const ulong TextAt = Page;

    /// <param name="text">All of it.</param>
    /// <param name="symbols">By their offsets in the text.</param>
    public static byte[] Write(ReadOnlySpan<byte> text, IReadOnlyList<(string Name, ulong Offset, ulong Size, bool IsGlobal)> symbols)
    {
        var strings = new MemoryStream();
        strings.WriteByte(0);
        var table = new byte[(symbols.Count + 1) * SymbolBytes];
        for (var i = 0; i < symbols.Count; i++)
        {
            var entry = table.AsSpan((i + 1) * SymbolBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, (uint)strings.Position);
            entry[4] = (byte)(Function | (symbols[i].IsGlobal ? Global : 0));
            BinaryPrimitives.WriteUInt16LittleEndian(entry[6..], 1);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], TextAt + symbols[i].Offset);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[16..], symbols[i].Size);
            strings.Write(Encoding.UTF8.GetBytes(symbols[i].Name));
            strings.WriteByte(0);
        }
        var names = Encoding.ASCII.GetBytes("\0.text\0.symtab\0.strtab\0");
        var symbolsAt = TextAt + (ulong)text.Length;
        var stringsAt = symbolsAt + (ulong)table.Length;
        var namesAt = stringsAt + (ulong)strings.Length;
        var sectionsAt = (namesAt + (ulong)names.Length + 7) & ~7UL;
        var file = new byte[sectionsAt + (5 * SectionHeaderBytes)];
        WriteHeader(file, sectionsAt);
        WriteSegment(file.AsSpan(HeaderBytes), (ulong)text.Length);
        text.CopyTo(file.AsSpan((int)TextAt));
        table.CopyTo(file, (int)symbolsAt);
        strings.ToArray().CopyTo(file, (int)stringsAt);
        names.CopyTo(file, (int)namesAt);
        var sections = file.AsSpan((int)sectionsAt);
        WriteSection(sections[SectionHeaderBytes..], 1, 1, 6, TextAt, TextAt, (ulong)text.Length, 0, 0);
        WriteSection(sections[(SymbolSection * SectionHeaderBytes)..], 7, 2, 0, 0, symbolsAt, (ulong)table.Length, StringSection, SymbolBytes);
        WriteSection(sections[(StringSection * SectionHeaderBytes)..], 15, 3, 0, 0, stringsAt, (ulong)strings.Length, 0, 0);
        WriteSection(sections[(4 * SectionHeaderBytes)..], 15, 3, 0, 0, namesAt, (ulong)names.Length, 0, 0);
        return file;
    }

    private static void WriteHeader(Span<byte> file, ulong sectionsAt)
    {
        ((ReadOnlySpan<byte>)[0x7f, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1]).CopyTo(file);
        BinaryPrimitives.WriteUInt16LittleEndian(file[16..], 3);        // e_type: ET_DYN
        BinaryPrimitives.WriteUInt16LittleEndian(file[18..], 62);       // e_machine: x86-64
        BinaryPrimitives.WriteUInt32LittleEndian(file[20..], 1);        // e_version
        BinaryPrimitives.WriteUInt64LittleEndian(file[32..], HeaderBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(file[40..], sectionsAt);
        BinaryPrimitives.WriteUInt16LittleEndian(file[52..], HeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[54..], ProgramHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[56..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(file[58..], SectionHeaderBytes);
        BinaryPrimitives.WriteUInt16LittleEndian(file[60..], 5);
        BinaryPrimitives.WriteUInt16LittleEndian(file[62..], 4);        // e_shstrndx
    }

    private static void WriteSegment(Span<byte> header, ulong bytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, 1);            // PT_LOAD
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 5);       // PF_R | PF_X
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], TextAt);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], TextAt);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], TextAt);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], bytes);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], Page);
    }

    private static void WriteSection(Span<byte> header, uint name, uint type, ulong flags, ulong address, ulong at, ulong bytes, uint link, ulong entryBytes)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(header, name);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], type);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], flags);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], at);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[40..], link);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], 1);
        BinaryPrimitives.WriteUInt64LittleEndian(header[56..], entryBytes);
    }
}
