using System.Buffers.Binary;
using KernOpt.Target;

namespace KernOpt.Kernel.Images;

/// <summary>A table: the section of a module that holds it, the symbols between which the kernel's own lies, the bytes of an entry, and how many bytes of text each entry is about.</summary>
/// <param name="IsHiddenExit">Control may go other ways there than the text shows.</param>
internal sealed record KernelTable(string Section, string Start, string End, int EntryBytes, ulong TextBytes, bool IsHiddenExit);

/// <summary>
/// Instructions whose addresses the kernel keeps in tables. Each entry begins with the distance from itself to the instruction, 32 bits: static keys
/// (linux/jump_label.h, struct jump_entry), static calls (linux/static_call_types.h, struct static_call_site), faults that are handled (asm/extable.h, struct
/// exception_table_entry), traps (asm-generic/bug.h, struct bug_entry), lock prefixes (asm/alternative.h, LOCK_PREFIX).
/// </summary>
internal static class KernelTables
{
    private const ulong Jump = 5, Start = 1;

    public static readonly IReadOnlyList<KernelTable> All =
    [
        new("__jump_table", "__start___jump_table", "__stop___jump_table", 16, Jump, IsHiddenExit: true),
        new(".static_call_sites", "__start_static_call_sites", "__stop_static_call_sites", 8, Jump, IsHiddenExit: true),
        new("__ex_table", "__start___ex_table", "__stop___ex_table", 12, Start, IsHiddenExit: true),
        new("__bug_table", "__start___bug_table", "__stop___bug_table", 12, Start, IsHiddenExit: false),
        new(".smp_locks", "__smp_locks", "__smp_locks_end", 4, Start, IsHiddenExit: false),
    ];

    /// <summary>The instructions of a table that lie in the text: others are of other sections. What is read behind a table's end can only name too many.</summary>
    public static IEnumerable<Address> Instructions(ReadOnlyMemory<byte> table, Address at, int entryBytes, AddressRange text)
    {
        for (var offset = 0; offset + entryBytes <= table.Length; offset += entryBytes)
        {
            var place = at + (ulong)offset;
            var instruction = new Address(unchecked(place.Value + (ulong)BinaryPrimitives.ReadInt32LittleEndian(table.Span[offset..])));
            if (text.Contains(instruction)) yield return instruction;
        }
    }
}
