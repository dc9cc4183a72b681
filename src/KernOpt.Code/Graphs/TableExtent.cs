using System.Buffers.Binary;
using KernOpt.Code.Images;
using KernOpt.Target;

namespace KernOpt.Code.Graphs;

/// <summary>
/// How many entries a table of distances may have at most, by what lies in it and behind it, where nothing in the code compares the index: compilers leave the comparison out where the source says that
/// nothing else can come (an exhaustive switch, __builtin_unreachable).
/// <code>
/// T:  .long case0 - T, case1 - T, case2 - T
/// U:  .long other0 - U, …                       ; or padding, and what code takes the address of
/// </code>
/// Too many entries are safe: they are paths that are never taken, and what they lead to is decoded, and refused where it does not fit. Too few are not: a target would be missed. So the table is
/// taken up to where it must have ended, and only where two things that do not know of each other agree on that place:
/// <list type="bullet">
/// <item>Every entry before it leads into the function or its own split-off parts, and the word there does not. (A compiler that has no case for a value in between has the entry lead to other code
/// of the function; where there is none it may lead to the function's end, and the run of entries stops too early: then the second does not hold.)</item>
/// <item>Something else begins there: code takes its address, or the address of what follows after zeros that align it, none of which is an entry (it would lead to the table itself).</item>
/// </list>
/// Or at the start of another table of the kind, at the latest: its entries are distances from there, so that the two have no word in common. Absolute tables have no such start (a bias may be in the address), and are not judged by this.
/// </summary>
internal static class TableExtent
{
    private const int EntryBytes = 4;

    /// <summary>Alignment of what follows, in bytes: compilers align arrays to 32 and vectors to 64.</summary>
    private const int MostPadding = 64;

    /// <param name="isOwn">Whether an address belongs to the function or to a part that is split off.</param>
    /// <param name="most">How many entries there are at most, as far as that is known otherwise.</param>
    /// <returns>How many entries to take, or null where that is not proved.</returns>
    public static int? Of(Address table, int most, ModuleImage module, ICodeSource source, Func<Address, bool> isOwn)
    {
        if (!source.IsConstantData(new AddressRange(table, EntryBytes))) return null;
        var references = TableReferences.Of(module, source);
        var close = table + (ulong)most * EntryBytes;
        var next = references.TableBehind(table);
        if (next < close) close = next.Value;
        var count = Run(table, close, source, isOwn);
        if (count == 0) return null;
        var stop = table + (ulong)count * EntryBytes;
        return stop == next || BeginsSomethingElse(stop, references, source) ? count : null;
    }

    private static int Run(Address table, Address close, ICodeSource source, Func<Address, bool> isOwn)
    {
        Span<byte> entry = stackalloc byte[EntryBytes];
        var at = table;
        while (at + EntryBytes <= close && source.Read(at, entry) == EntryBytes && isOwn(table + BinaryPrimitives.ReadInt32LittleEndian(entry))) at += EntryBytes;
        return (int)((at - table) / EntryBytes);
    }

    private static bool BeginsSomethingElse(Address stop, TableReferences references, ICodeSource source)
    {
        if (references.NamedFrom(stop) is not { } named || named - stop >= MostPadding) return false;
        var padding = new byte[named - stop];
        return source.Read(stop, padding) == padding.Length && !padding.AsSpan().ContainsAnyExcept((byte)0);
    }
}
