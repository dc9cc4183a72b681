using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Iced.Intel;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// Which addresses the code of a module takes (<c>lea r, [rip+x]</c>), and which of them are where a table of distances begins: those that are at once read and added, and then jumped to.
/// <code>
///     lea    b, [rip+T]            ; the entries are distances from T, so that T is the table's start and no place before or inside of it
///     mov    i32, i32              ; or not
///     movsxd r, [b+i*4]
///     add    r, b
///     jmp    r
/// </code>
/// Found by their bytes at every offset of the executable mappings: bytes that only look so would name an address too many. Made once for each module, when first asked for.
/// </summary>
internal sealed class TableReferences
{
    private const int ChunkBytes = 1 << 20;

    /// <summary>Of the five instructions, with a prefix before the jump.</summary>
    private const int LongestBytes = 7 + 3 + 4 + 3 + 4;

    private const int LeaBytes = 7;

    private static readonly ConditionalWeakTable<ModuleImage, Lazy<TableReferences>> Known = [];

    private readonly ulong[] named;
    private readonly ulong[] tables;

    private TableReferences(List<ulong> named, List<ulong> tables) => (this.named, this.tables) = ([.. named.Order()], [.. tables.Order()]);

    public static TableReferences Of(ModuleImage module, ICodeSource source) => Known.GetValue(module, m => new(() => Read(m, source))).Value;

    /// <summary>The first table that begins behind the address.</summary>
    public Address? TableBehind(Address address) => FirstFrom(tables, address.Value + 1);

    /// <summary>The first address from this one on that code takes.</summary>
    public Address? NamedFrom(Address address) => FirstFrom(named, address.Value);

    private static Address? FirstFrom(ulong[] ascending, ulong address)
    {
        var at = Array.BinarySearch(ascending, address);
        if (at < 0) at = ~at;
        return at < ascending.Length ? new Address(ascending[at]) : null;
    }

    private static TableReferences Read(ModuleImage module, ICodeSource source)
    {
        List<ulong> named = [], tables = [];
        var chunk = new byte[ChunkBytes];
        var all = AddressRange.Between(module.Location.Mappings.Min(m => m.Range.Start), module.Location.Mappings.Max(m => m.Range.End));
        foreach (var mapping in module.Location.Mappings.Where(m => m.Protection.HasFlag(Protection.Execute)))
        {
            for (var at = mapping.Range.Start; at < mapping.Range.End; at += (ulong)(ChunkBytes - LongestBytes))
            {
                var most = (int)Math.Min((ulong)ChunkBytes, mapping.Range.End.Value - at.Value);
                Read(chunk.AsSpan(0, source.Read(at, chunk.AsSpan(0, most))), at, all, named, tables);
            }
        }
        return new TableReferences(named, tables);
    }

    private static void Read(ReadOnlySpan<byte> code, Address at, AddressRange module, List<ulong> named, List<ulong> tables)
    {
        const byte Opcode = 0x8d;
        for (var i = 1; i + LeaBytes - 1 <= code.Length; i++)
        {
            var next = code[i..].IndexOf(Opcode);
            if (next < 0 || (i += next) + LeaBytes - 1 > code.Length) return;
            // REX.W with or without R; mod 00 and r/m 101: relative to rip (SDM vol. 2, 2.1.5, 2.2.1.6).
            if ((code[i - 1] & 0xfb) != 0x48 || (code[i + 1] & 0xc7) != 0x05) continue;
            var after = at + (i + LeaBytes - 1);
            var address = after + BinaryPrimitives.ReadInt32LittleEndian(code[(i + 2)..]);
            if (!module.Contains(address)) continue;
            named.Add(address.Value);
            var register = Register.RAX + ((code[i - 1] & 4) << 1 | (code[i + 1] >> 3 & 7));
            if (JumpsThrough(code[(i + LeaBytes - 1)..], register)) tables.Add(address.Value);
        }
    }

    private static bool JumpsThrough(ReadOnlySpan<byte> code, Register table)
    {
        // movsxd r64, r/m32: REX.W 63.
        if (!code[..Math.Min(code.Length, 5)].Contains((byte)0x63)) return false;
        var decoder = Decoder.Create(64, new ByteArrayCodeReader(code[..Math.Min(code.Length, LongestBytes - LeaBytes)].ToArray()));
        var load = decoder.Decode();
        if (load.Code is Iced.Intel.Code.Mov_r32_rm32 or Iced.Intel.Code.Mov_rm32_r32 && load.Op0Kind == OpKind.Register && load.Op0Register.GetFullRegister() != table) load = decoder.Decode();
        var (add, jump) = (decoder.Decode(), decoder.Decode());
        return load.Code == Iced.Intel.Code.Movsxd_r64_rm32 && load.Op1Kind == OpKind.Memory && load.MemoryBase == table && load.MemoryIndexScale == 4
            && load.MemoryIndex != Register.None && load.MemoryDisplacement64 == 0
            && add.Code is Iced.Intel.Code.Add_r64_rm64 or Iced.Intel.Code.Add_rm64_r64 && add.Op1Kind == OpKind.Register && Adds(add, load.Op0Register, table)
            && jump.Code == Iced.Intel.Code.Jmp_rm64 && jump.Op0Kind == OpKind.Register && jump.Op0Register == add.Op0Register;
    }

    private static bool Adds(in Instruction add, Register entry, Register table) =>
        (add.Op0Register == entry && add.Op1Register == table) || (add.Op0Register == table && add.Op1Register == entry);
}
